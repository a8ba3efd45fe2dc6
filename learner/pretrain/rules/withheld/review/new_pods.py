"""A pod or a container that began lately among old ones, or that is not ready: it was struck."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Rule, Verdict
from learner.pretrain.rules.withheld.review.ledger import ledger_of


def _look(notes: Notes) -> Verdict:
    ledger = ledger_of(notes)
    struck = [*ledger.unready, *ledger.begun_lately]
    return Finding(service=struck[0].service) if struck else None


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    return (f"kubectl rollout restart deploy/{finding.service}",)


RULE = Rule(
    name="review_new_pods",
    system_level="Virtualization",
    fault_type="Operation Error",
    look=_look,
    repairs=_repairs,
    cautious=True,
    review=True,
    rank=50,
)
