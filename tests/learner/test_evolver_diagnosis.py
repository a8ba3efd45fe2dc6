"""Diagnosis: a table of failures, and one for anything."""

import pytest
from hypothesis import given

from agents.contracts.execution import ActResult
from agents.contracts.incident import Task
from agents.contracts.plan import SubmitReason
from agents.contracts.trajectory import TrajectoryRecord
from learner.evolver.diagnosis import Diagnosis, Pattern, diagnose
from tests.doubles.trajectories import ACT, PROBE, SUBMIT, any_failed, failed, step

UNDO = "kubectl rollout undo deploy/a"
DONE = {"result": ActResult.DONE}
SPENT, TIME = SubmitReason.STEPS_SPENT, SubmitReason.TIME_SPENT
looks = (step(1), step(2))

TABLE: tuple[tuple[str, TrajectoryRecord, Pattern, int], ...] = (
    ("nothing readable", failed(), Pattern.PREMATURE_STOP, 1),
    ("no step at all", failed(reason=SPENT), Pattern.MALFORMED_OUTPUT, 1),
    (
        "most steps lost",
        failed((step(2), step(12, SUBMIT)), reason=SPENT),
        Pattern.MALFORMED_OUTPUT,
        1,
    ),
    (
        "one step lost of many",
        failed((step(1), step(2), step(4), step(5, SUBMIT)), task=Task.ANALYSIS),
        Pattern.INCOMPLETE_DIAGNOSIS,
        5,
    ),
    (
        "an act that policy refused",
        failed((*looks, step(3, ACT, UNDO, refusal="policy: protected"), step(4, SUBMIT))),
        Pattern.POLICY_DENIAL,
        3,
    ),
    (
        "two reads that policy refused",
        failed((step(1, refusal="pipe"), step(2, refusal="pipe"), step(3, SUBMIT))),
        Pattern.POLICY_DENIAL,
        1,
    ),
    (
        "refused once, then acted",
        failed(
            (
                step(1),
                step(2, ACT, UNDO, refusal="person: refused"),
                step(3, ACT, "kubectl scale deploy/a --replicas=2", **DONE),
                step(4),
                step(5, SUBMIT),
            )
        ),
        Pattern.WRONG_FIX,
        3,
    ),
    (
        "rolled back",
        failed((step(1), step(2, ACT, UNDO, rolled_back=True, **DONE), step(3, SUBMIT))),
        Pattern.WRONG_FIX,
        2,
    ),
    (
        "the act failed",
        failed((step(1), step(2, ACT, UNDO, result=ActResult.FAILED), step(3, SUBMIT))),
        Pattern.WRONG_FIX,
        2,
    ),
    (
        "the same look again and again",
        failed(
            (
                step(1),
                *(step(n, PROBE, "kubectl get pods") for n in range(2, 13)),
                step(12, SUBMIT),
            ),
            reason=SPENT,
        ),
        Pattern.WRONG_PATH,
        2,
    ),
    (
        "steps spent",
        failed((*(step(n) for n in range(1, 13)), step(12, SUBMIT)), reason=SPENT),
        Pattern.BUDGET_EXHAUSTED,
        12,
    ),
    ("time spent", failed((*looks, step(3, SUBMIT)), reason=TIME), Pattern.BUDGET_EXHAUSTED, 3),
    ("no repair", failed((*looks, step(3, SUBMIT))), Pattern.NO_RESOLUTION, 3),
    ("no repair, no look", failed((step(1, SUBMIT),)), Pattern.PREMATURE_STOP, 1),
    (
        "repaired and not checked",
        failed((*looks, step(3, ACT, UNDO, **DONE), step(4, SUBMIT))),
        Pattern.NO_VERIFICATION,
        3,
    ),
    (
        "repaired, checked, and still wrong",
        failed((*looks, step(3, ACT, UNDO, **DONE), step(4), step(5, SUBMIT))),
        Pattern.WRONG_FIX,
        3,
    ),
    (
        "answered after one look",
        failed((step(1), step(2, SUBMIT)), task=Task.LOCALIZATION),
        Pattern.PREMATURE_STOP,
        2,
    ),
    (
        "answered wrong after looking",
        failed((*looks, step(3, SUBMIT)), task=Task.LOCALIZATION),
        Pattern.INCOMPLETE_DIAGNOSIS,
        3,
    ),
)


@pytest.mark.parametrize(
    ("record", "pattern", "at"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE]
)
def test_the_table(record: TrajectoryRecord, pattern: Pattern, at: int) -> None:
    assert diagnose(record) == Diagnosis(pattern=pattern, step=at)


def test_every_pattern_is_in_the_table() -> None:
    assert {case[2] for case in TABLE} == set(Pattern)


@given(any_failed())
def test_any_record_has_a_diagnosis(record: TrajectoryRecord) -> None:
    assert diagnose(record) == diagnose(record)


@given(any_failed())
def test_the_judges_words_change_nothing(record: TrajectoryRecord) -> None:
    other = record.model_copy(update={"reason": "x", "judge": "y"})
    assert diagnose(other) == diagnose(record)
