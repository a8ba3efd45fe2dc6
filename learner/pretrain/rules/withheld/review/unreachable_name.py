"""A caller that dials a name which nobody has: the caller was told wrongly."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Rule, Verdict, undo
from learner.pretrain.rules.withheld.review.failing_calls import deepest
from learner.pretrain.rules.withheld.review.lines import Hindrance


def _look(notes: Notes) -> Verdict:
    call = deepest(notes, Hindrance.NO_HOST)
    return Finding(service=call.caller) if call else None


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    return (undo(finding.service),)


RULE = Rule(
    name="review_unreachable_name",
    system_level="Application",
    fault_type="Misconfiguration",
    look=_look,
    repairs=_repairs,
    cautious=True,
    review=True,
    rank=70,
)
