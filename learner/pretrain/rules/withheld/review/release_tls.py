"""A store that takes TLS only since an upgrade of its release: it closes plain connections."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict, undo
from learner.pretrain.rules.withheld.review.failing_calls import deepest
from learner.pretrain.rules.withheld.review.ledger import ledger_of
from learner.pretrain.rules.withheld.review.lines import Hindrance


def _look(notes: Notes) -> Verdict:
    call = deepest(notes, Hindrance.CLOSED)
    if call is None:
        return None
    arguments = ledger_of(notes).arguments.get(call.callee)
    if arguments is None:
        line = f"kubectl describe deploy {call.callee}"
        return Look(line=line, service=call.callee, needed=False)
    return Finding(service=call.callee) if "tls" in arguments.lower() else None


def _repairs(notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    release = ledger_of(notes).releases.get(finding.service)
    back = undo(finding.service)
    return (f"helm rollback {release}", back) if release else (back,)


RULE = Rule(
    name="review_release_tls",
    system_level="Application",
    fault_type="Misconfiguration",
    look=_look,
    repairs=_repairs,
    cautious=True,
    review=True,
    rank=71,
)
