"""What kind of failure a trajectory is, and the step where it went wrong.

Invariant: pure and total: any record has a diagnosis, by the first rule that fits. The rules read
what was decided and what came of it, never the judge's words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from agents.contracts.execution import ActResult
from agents.contracts.incident import Task
from agents.contracts.plan import PlanKind, SubmitReason
from agents.contracts.trajectory import TrajectoryRecord, TrajectoryStep

FEW_READS = 2
DENIALS = 2
PATIENCE = 3
"""So many of the same look in a row show that nothing is learned any more."""


class Pattern(StrEnum):
    """What went wrong; the first six are the paper's A to F."""

    NO_RESOLUTION = "no_resolution"
    INCOMPLETE_DIAGNOSIS = "incomplete_diagnosis"
    WRONG_PATH = "wrong_path"
    NO_VERIFICATION = "no_verification"
    PREMATURE_STOP = "premature_stop"
    WRONG_FIX = "wrong_fix"
    MALFORMED_OUTPUT = "malformed_output"
    BUDGET_EXHAUSTED = "budget_exhausted"
    POLICY_DENIAL = "policy_denial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """A pattern and the iteration at which it began (1, 2, ...)."""

    pattern: Pattern
    step: int


Rule = Callable[[TrajectoryRecord], Diagnosis | None]


def diagnose(record: TrajectoryRecord) -> Diagnosis:
    """Return the first diagnosis that fits; for a mended and checked run, its fix was wrong."""
    for rule in RULES:
        found = rule(record)
        if found is not None:
            return found
    return Diagnosis(pattern=Pattern.INCOMPLETE_DIAGNOSIS, step=_last(record))


def _malformed(record: TrajectoryRecord) -> Diagnosis | None:
    """An iteration without a step was lost to replies that could not be used."""
    told = {step.iteration for step in record.steps}
    lost = [number for number in range(1, _last(record)) if number not in told]
    if not record.steps and _ended(record) is SubmitReason.STEPS_SPENT:
        lost = [1]
    enough = len(lost) * 2 >= len(told)
    return Diagnosis(pattern=Pattern.MALFORMED_OUTPUT, step=lost[0]) if lost and enough else None


def _denied(record: TrajectoryRecord) -> Diagnosis | None:
    """The run ended at a refusal that it did not get around."""
    refused = [step for step in _looks(record) + _acts(record) if step.refusal]
    done = [step for step in _acts(record) if step.result is ActResult.DONE]
    blocked = any(step.kind is PlanKind.ACTION for step in refused) and not done
    if refused and (blocked or len(refused) >= DENIALS):
        first = min(step.iteration for step in refused)
        return Diagnosis(pattern=Pattern.POLICY_DENIAL, step=first)
    return None


def _undone(record: TrajectoryRecord) -> Diagnosis | None:
    """An act was taken back, or failed."""
    bad = [
        step
        for step in _acts(record)
        if step.rolled_back or step.result in {ActResult.FAILED, ActResult.NOT_DONE}
    ]
    return Diagnosis(pattern=Pattern.WRONG_FIX, step=bad[0].iteration) if bad else None


def _stuck(record: TrajectoryRecord) -> Diagnosis | None:
    """The same look again and again: the path led nowhere."""
    run, before = 0, None
    for step in record.steps:
        same = step.line is not None and step.line == before
        run, before = run + 1 if same else 1, step.line
        if run >= PATIENCE:
            return Diagnosis(pattern=Pattern.WRONG_PATH, step=step.iteration - run + 1)
    return None


def _spent(record: TrajectoryRecord) -> Diagnosis | None:
    if _ended(record) in {SubmitReason.STEPS_SPENT, SubmitReason.TIME_SPENT}:
        return Diagnosis(pattern=Pattern.BUDGET_EXHAUSTED, step=_last(record))
    return None


def _unrepaired(record: TrajectoryRecord) -> Diagnosis | None:
    if record.task is not Task.MITIGATION or _acts(record):
        return None
    few = len(_looks(record)) < FEW_READS
    pattern = Pattern.PREMATURE_STOP if few else Pattern.NO_RESOLUTION
    return Diagnosis(pattern=pattern, step=_last(record))


def _unchecked(record: TrajectoryRecord) -> Diagnosis | None:
    acts = _acts(record)
    if not acts:
        return None
    after = [step for step in _looks(record) if step.iteration > acts[-1].iteration]
    pattern = Pattern.WRONG_FIX if after else Pattern.NO_VERIFICATION
    return Diagnosis(pattern=pattern, step=acts[-1].iteration)


def _hasty(record: TrajectoryRecord) -> Diagnosis | None:
    if len(_looks(record)) >= FEW_READS:
        return None
    return Diagnosis(pattern=Pattern.PREMATURE_STOP, step=_last(record))


RULES: tuple[Rule, ...] = (
    _malformed,
    _denied,
    _undone,
    _stuck,
    _spent,
    _unrepaired,
    _unchecked,
    _hasty,
)


def _looks(record: TrajectoryRecord) -> list[TrajectoryStep]:
    return [step for step in record.steps if step.kind is PlanKind.PROBE]


def _acts(record: TrajectoryRecord) -> list[TrajectoryStep]:
    return [step for step in record.steps if step.kind is PlanKind.ACTION]


def _ended(record: TrajectoryRecord) -> SubmitReason | None:
    return record.submission.reason if record.submission else None


def _last(record: TrajectoryRecord) -> int:
    return max((step.iteration for step in record.steps), default=1)
