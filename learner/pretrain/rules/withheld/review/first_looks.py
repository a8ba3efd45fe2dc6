"""The first look of every review: the pods. It finds nothing by itself, and reads for all rules."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.rules.withheld.review.ledger import ledger_of, read


def _look(notes: Notes) -> Verdict:
    if ledger_of(notes).rows is None:
        return Look(line="kubectl get pods", service=notes.entry)
    return None


def _repairs(_notes: Notes, _finding: Finding, _rng: Random) -> tuple[str, ...]:
    return ()


RULE = Rule(
    name="review_first_looks",
    system_level="Application",
    fault_type="Misconfiguration",
    look=_look,
    repairs=_repairs,
    read=read,
    cautious=True,
    review=True,
    rank=0,
)
