"""Failing calls, from the entry's log to the deepest place that any log names."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.rules.withheld.review.ledger import ledger_of
from learner.pretrain.rules.withheld.review.lines import Call, Hindrance

SINCE = "1m"


def deepest(notes: Notes, *hindrances: Hindrance | None) -> Call | None:
    """Return the deepest failing call if it failed for one of these reasons."""
    call, _ = ledger_of(notes).chase(notes.entry)
    return call if call is not None and call.hindrance in hindrances else None


def _look(notes: Notes) -> Verdict:
    call, untold = ledger_of(notes).chase(notes.entry)
    known = ledger_of(notes).rows or {}
    if untold and (untold == notes.entry or untold in known):
        line = f"kubectl logs deploy/{untold} --since={SINCE}"
        return Look(line=line, service=untold, needed=call is None)
    return None


def _repairs(_notes: Notes, _finding: Finding, _rng: Random) -> tuple[str, ...]:
    return ()


RULE = Rule(
    name="review_failing_calls",
    system_level="Application",
    fault_type="Misconfiguration",
    look=_look,
    repairs=_repairs,
    cautious=True,
    review=True,
    rank=60,
)


def _found(notes: Notes) -> Finding | None:
    call, _ = ledger_of(notes).chase(notes.entry)
    return Finding(service=call.callee) if call else None


def answering(notes: Notes) -> Verdict:
    """Return the callee of the deepest failing call, whatever hinders it."""
    return _found(notes)
