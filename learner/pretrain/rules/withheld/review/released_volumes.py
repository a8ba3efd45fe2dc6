"""Claims that wait for volumes which an earlier deployment left behind: released, not free."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.rules.withheld.review.ledger import Ledger, ledger_of


def _pending(ledger: Ledger) -> list[str]:
    return [row.service for row in ledger.unready if row.status == "Pending"]


def _look(notes: Notes) -> Verdict:
    ledger = ledger_of(notes)
    pending = _pending(ledger)
    if not pending:
        return None
    if ledger.claims is None:
        return Look(line="kubectl get pvc", service=pending[0], needed=False)
    if any(phase == "Pending" for phase in ledger.claims.values()):
        return Finding(service=pending[0])
    return None


def _prepare(notes: Notes, finding: Finding) -> Look | None:
    if ledger_of(notes).volumes is None:
        return Look(line="kubectl get pv", service=finding.service)
    return None


def _repairs(notes: Notes, _finding: Finding, _rng: Random) -> tuple[str, ...]:
    ledger = ledger_of(notes)
    waiting = [name for name, phase in (ledger.claims or {}).items() if phase == "Pending"]
    return tuple(
        f'kubectl patch pv {name} -p \'{{"spec":{{"claimRef":null}}}}\''
        for name, (phase, claim) in (ledger.volumes or {}).items()
        if phase == "Released" and claim in waiting
    )


RULE = Rule(
    name="review_released_volumes",
    system_level="Virtualization",
    fault_type="Operation Error",
    look=_look,
    prepare=_prepare,
    repairs=_repairs,
    check=lambda _finding: "kubectl get pvc",
    cautious=True,
    review=True,
    together=True,
    rank=10,
)
