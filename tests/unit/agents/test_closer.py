"""The closer: a trajectory is whole, published once, and amended when a judgement comes late."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.closer import CloserReducer, CloserState
from agents.contracts.alert import GroupReleased
from agents.contracts.envelope import Event
from agents.contracts.feedback import (
    Judgement,
    JudgementPayload,
    JudgementVerified,
    OutcomeJudged,
)
from agents.contracts.ids import PlanId
from agents.contracts.incident import IncidentUpdated, Task
from agents.contracts.plan import PlanKind, PlanProposed, Submission, SubmitReason
from agents.contracts.trajectory import (
    Outcome,
    OutcomeSource,
    TrajectoryAmended,
    TrajectoryClosed,
    TrajectoryRecord,
)
from agents.reducer import APPLIED_KEPT, due_timers, reduce
from agents.settings import CloserSettings
from tests.builders import INCIDENT, MODEL, NAMESPACE, at, event, observed, opened

REDUCER = CloserReducer(settings=CloserSettings(judgement_seconds=60))


def plan(iteration: int, kind: PlanKind, submission: Submission | None = None) -> PlanProposed:
    return PlanProposed(
        incident_id=INCIDENT,
        plan_id=PlanId(f"plan-{iteration}"),
        iteration=iteration,
        kind=kind,
        namespace=NAMESPACE,
        line=None if submission else "kubectl get pods",
        model_id=MODEL,
        submission=submission,
    )


def judged(judgement: Judgement) -> JudgementVerified:
    payload = JudgementPayload(
        incident_id=INCIDENT,
        plan_id=None,
        judgement=judgement,
        judge="lab",
        judged_at=at(50),
        reason="told so",
    )
    return JudgementVerified(
        incident_id=INCIDENT, judgement=OutcomeJudged(payload=payload, signature="s" * 88)
    )


def story(reason: SubmitReason = SubmitReason.ANSWERED) -> list[Event]:
    """A short incident: opened, one probe, its observation, the submission."""
    start = event(opened())
    probe = event(plan(1, PlanKind.PROBE))
    assert isinstance(probe.fact, PlanProposed)
    seen = event(observed(probe.fact))
    submission = Submission(
        task=Task.MITIGATION, reason=reason, requires=(start.id, probe.id, seen.id)
    )
    return [start, probe, seen, event(plan(2, PlanKind.SUBMIT, submission), seconds=40)]


def fold(
    events: list[Event], state: CloserState | None = None
) -> tuple[CloserState | None, list[TrajectoryRecord], list[GroupReleased]]:
    closed: list[TrajectoryRecord] = []
    released: list[GroupReleased] = []
    for happened in events:
        state, made = reduce(REDUCER, state, INCIDENT, happened)
        closed += [one.fact for one in made if isinstance(one.fact, TrajectoryRecord)]
        released += [one.fact for one in made if isinstance(one.fact, GroupReleased)]
    return state, closed, released


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_in_any_order_with_repeats_one_whole_trajectory_closes(rng: random.Random) -> None:
    events = [*story(), event(judged(Judgement.SUCCESS), seconds=50)]
    shuffled = [*events, *rng.sample(events, 3)]
    rng.shuffle(shuffled)
    _, closed, released = fold(shuffled)
    (trajectory,) = closed
    assert isinstance(trajectory, TrajectoryClosed)
    assert (trajectory.outcome, trajectory.judge) == (Outcome.SUCCESS, "lab")
    assert [step.iteration for step in trajectory.steps] == [1, 2]
    assert trajectory.steps[0].observation == "all is well"
    assert len(released) == 1


@pytest.mark.parametrize("missing", range(4))
def test_nothing_closes_while_a_required_fact_is_missing(missing: int) -> None:
    events = [*story(), event(judged(Judgement.SUCCESS), seconds=50)]
    del events[missing]
    assert fold(events)[1] == []


@pytest.mark.parametrize(
    ("reason", "outcome", "source"),
    [
        (SubmitReason.ANSWERED, Outcome.UNKNOWN, OutcomeSource.NOBODY),
        (SubmitReason.STEPS_SPENT, Outcome.FAILURE, OutcomeSource.BUDGET),
    ],
)
def test_without_a_judgement_the_timer_closes(
    reason: SubmitReason, outcome: Outcome, source: OutcomeSource
) -> None:
    state, closed, _ = fold(story(reason))
    assert closed == []
    assert state is not None
    timers = due_timers(state, at(40) + timedelta(seconds=60))
    state, (trajectory,), _ = fold(timers, state)
    assert (trajectory.outcome, trajectory.source) == (outcome, source)


def test_a_late_judgement_amends_once() -> None:
    state, _, _ = fold(story())
    assert state is not None
    state, _, _ = fold(due_timers(state, at(200)), state)
    late = event(judged(Judgement.FAILURE), seconds=500)
    _, amended, released = fold([late, late], state)
    (trajectory,) = amended
    assert isinstance(trajectory, TrajectoryAmended)
    assert (trajectory.revision, trajectory.outcome) == (1, Outcome.FAILURE)
    assert released == []


def test_a_state_survives_its_json() -> None:
    for events in (story()[:3], story(), [*story(), event(judged(Judgement.SUCCESS))]):
        state, _, _ = fold(events)
        assert state is not None
        assert CloserState.model_validate_json(state.model_dump_json()) == state


def test_a_submission_that_shares_its_step_with_the_last_probe_still_closes() -> None:
    """When the steps are spent, the last probe and the submission have the same iteration."""
    start = event(opened())
    probe = event(plan(1, PlanKind.PROBE))
    assert isinstance(probe.fact, PlanProposed)
    seen = event(observed(probe.fact))
    spent = Submission(
        task=Task.MITIGATION,
        reason=SubmitReason.STEPS_SPENT,
        requires=(start.id, probe.id, seen.id),
    )
    last = plan(1, PlanKind.SUBMIT, spent).model_copy(update={"plan_id": PlanId("plan-1-submit")})
    events = [start, probe, seen, event(last), event(judged(Judgement.FAILURE))]
    _, (trajectory,), _ = fold(events)
    assert [step.kind for step in trajectory.steps] == [PlanKind.PROBE, PlanKind.SUBMIT]


def test_a_fact_that_never_comes_does_not_hold_the_group_for_ever() -> None:
    events = [*story(), event(judged(Judgement.SUCCESS))]
    del events[2]
    state, closed, _ = fold(events)
    assert closed == []
    assert state is not None
    timers = due_timers(state, at(40) + timedelta(hours=3))
    state, (trajectory,), released = fold(timers, state)
    assert (trajectory.outcome, trajectory.trainable) == (Outcome.UNKNOWN, False)
    assert "missing" in trajectory.reason
    assert len(released) == 1


def test_two_thousand_updates_do_not_grow_a_state_or_an_output() -> None:
    start, *rest = story()
    many = [
        event(IncidentUpdated.model_validate(dict(opened())), part=str(number))
        for number in range(2000)
    ]
    state: CloserState | None = None
    made: list[Event] = []
    for happened in [start, *many, *rest, event(judged(Judgement.SUCCESS))]:
        state, outputs = reduce(REDUCER, state, INCIDENT, happened)
        made += outputs
    assert state is not None
    assert len(made) == 2
    assert max(len(one.applied) for one in made) <= APPLIED_KEPT + 1
