"""A callee that fails, is late or is cut off while nothing of the cluster says why."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Rule
from learner.pretrain.rules.withheld.review.failing_calls import answering


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    return (f"kubectl rollout restart deploy/{finding.service}",)


RULE = Rule(
    name="review_failing_callee",
    system_level="Application",
    fault_type="Code Defect",
    look=answering,
    repairs=_repairs,
    cautious=True,
    review=True,
    rank=76,
)
