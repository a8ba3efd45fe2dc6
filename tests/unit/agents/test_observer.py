"""The Observer's state machine: what it asks, what it proposes, and how an incident ends."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.contracts.approval import ActionRefused, RefusedBy
from agents.contracts.envelope import Event
from agents.contracts.ids import ApprovalId
from agents.contracts.incident import Task
from agents.contracts.model import ModelRequested
from agents.contracts.plan import PlanKind, PlanProposed, SubmitReason
from agents.incident import Current, IllegalMove, ObserverReducer, ObserverState, Phase
from agents.reducer import due_timers, reduce
from agents.settings import ObserverSettings
from tests.builders import INCIDENT, MODEL, at, event, observed, opened, replied

PROBE = json.dumps({"summary": "s", "action": "probe", "command": "kubectl get pods"})
ACT = json.dumps(
    {"summary": "s", "action": "act", "command": "kubectl scale deploy x --replicas=1"}
)
SUBMIT = json.dumps({"summary": "s", "action": "submit", "confidence": 90})


class Mind:
    """An Observer in a test: feeds facts, keeps the state and what it published."""

    def __init__(self, task: Task = Task.MITIGATION, **settings: int) -> None:
        self.reducer = ObserverReducer(
            settings=ObserverSettings(**settings), current=Current(model_id=MODEL)
        )
        self.state: ObserverState | None = None
        self.published: list[Event] = []
        self.feed(event(opened(task)))

    def feed(self, happened: Event) -> list[Event]:
        key = self.reducer.key_of(happened)
        assert key == INCIDENT
        self.state, made = reduce(self.reducer, self.state, key, happened)
        self.published += made
        return made

    @property
    def last(self) -> ModelRequested | PlanProposed:
        fact = self.published[-1].fact
        assert isinstance(fact, ModelRequested | PlanProposed)
        return fact

    def reply(self, text: str) -> ModelRequested | PlanProposed:
        assert isinstance(self.last, ModelRequested)
        self.feed(event(replied(self.last, text)))
        return self.last

    def see(self, text: str = "ok") -> ModelRequested | PlanProposed:
        assert isinstance(self.last, PlanProposed)
        self.feed(event(observed(self.last, text)))
        return self.last


def test_an_opening_asks_the_model_about_the_alert() -> None:
    asked = Mind().last
    assert isinstance(asked, ModelRequested)
    assert "12% of requests fail" in asked.messages[-1].content
    assert asked.model_id == MODEL


def test_a_probe_waits_for_its_observation_and_asks_again_with_it() -> None:
    mind = Mind()
    plan = mind.reply(PROBE)
    assert isinstance(plan, PlanProposed)
    assert plan.kind is PlanKind.PROBE
    asked = mind.see("geo-1 CrashLoopBackOff")
    assert isinstance(asked, ModelRequested)
    assert asked.iteration == 2
    assert "CrashLoopBackOff" in asked.messages[-1].content


def test_memory_holds_the_summary_once_the_text_is_older_than_a_step() -> None:
    mind = Mind()
    mind.reply(PROBE)
    mind.see("first text")
    mind.reply(json.dumps({"summary": "geo is down", "action": "probe", "command": "kubectl x"}))
    asked = mind.see("second text")
    assert isinstance(asked, ModelRequested)
    prompt = asked.messages[-1].content
    assert "geo is down" in prompt
    assert "second text" in prompt
    assert "first text" not in prompt


def test_a_refused_act_is_told_to_the_model() -> None:
    mind = Mind()
    plan = mind.reply(ACT)
    assert isinstance(plan, PlanProposed)
    refused = ActionRefused(
        approval_id=ApprovalId("a"),
        incident_id=INCIDENT,
        plan_id=plan.plan_id,
        iteration=1,
        line=plan.line or "",
        refused_by=RefusedBy.PERSON,
        reason="refused",
        message="not on my watch",
    )
    mind.feed(event(refused))
    asked = mind.last
    assert isinstance(asked, ModelRequested)
    assert "not on my watch" in asked.messages[-1].content
    assert "person: refused" in asked.messages[-1].content


def test_a_malformed_reply_is_asked_for_once_more_and_then_costs_the_step() -> None:
    mind = Mind()
    again = mind.reply("I think the pods are fine")
    assert isinstance(again, ModelRequested)
    assert (again.iteration, again.attempt) == (1, 1)
    assert "REPLY REFUSED" in again.messages[-1].content
    later = mind.reply("still no JSON")
    assert isinstance(later, ModelRequested)
    assert (later.iteration, later.attempt) == (2, 0)


def test_the_last_step_ends_in_an_empty_submission() -> None:
    mind = Mind(max_steps=2)
    for _ in range(2):
        mind.reply(PROBE)
        last = mind.see()
    assert isinstance(last, PlanProposed)
    assert last.submission is not None
    assert last.submission.reason is SubmitReason.STEPS_SPENT
    assert last.submission.answer is None


def test_the_deadline_submits_whatever_is_in_flight() -> None:
    mind = Mind(max_seconds=60)
    mind.reply(PROBE)
    assert mind.state is not None
    (timer,) = due_timers(mind.state, at(61))
    mind.feed(timer)
    assert isinstance(mind.last, PlanProposed)
    assert mind.last.submission is not None
    assert mind.last.submission.reason is SubmitReason.TIME_SPENT


def test_an_unavailable_model_is_asked_again_and_then_given_up() -> None:
    mind = Mind()
    for _ in range(3):
        assert isinstance(mind.last, ModelRequested)
        mind.feed(event(replied(mind.last, None, error="connection refused")))
    assert isinstance(mind.last, PlanProposed)
    assert mind.last.submission is not None
    assert mind.last.submission.reason is SubmitReason.MODEL_UNAVAILABLE


def test_the_submission_lists_every_fact_that_the_trajectory_must_hold() -> None:
    mind = Mind()
    mind.reply(PROBE)
    plan_event = mind.published[-1]
    mind.see()
    submitted = mind.reply(SUBMIT)
    assert isinstance(submitted, PlanProposed)
    assert submitted.submission is not None
    assert plan_event.id in submitted.submission.requires
    assert len(set(submitted.submission.requires)) == 5


@pytest.mark.parametrize("task", [Task.DETECTION, Task.LOCALIZATION, Task.ANALYSIS])
def test_only_a_mitigation_may_act(task: Task) -> None:
    mind = Mind(task)
    again = mind.reply(ACT)
    assert isinstance(again, ModelRequested)
    assert "reads only" in again.messages[-1].content


def test_an_illegal_move_raises() -> None:
    with pytest.raises(IllegalMove):
        ObserverState(key="k", phase=Phase.SUBMITTED).moved(Phase.ASKED)


REPLIES = st.sampled_from([PROBE, ACT, SUBMIT, "nonsense", "{}", '{"action": "act"}'])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(REPLIES, st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_any_replies_end_in_one_submission_and_repeats_change_nothing(
    script: list[tuple[str, bool, bool]],
) -> None:
    mind = Mind(max_steps=5)
    fed: list[Event] = []
    for text, repeat, _ in [*script, *[("nonsense", False, False)] * 20]:
        last = mind.last
        if isinstance(last, ModelRequested):
            happened = event(replied(last, text))
        elif last.kind is PlanKind.SUBMIT:
            break
        else:
            happened = event(observed(last))
        mind.feed(happened)
        fed.append(happened)
        if repeat:
            before = (mind.state, len(mind.published))
            for earlier in fed:
                mind.feed(earlier)
            assert (mind.state, len(mind.published)) == before
    submissions = [
        made
        for made in mind.published
        if isinstance(made.fact, PlanProposed) and made.fact.kind is PlanKind.SUBMIT
    ]
    assert len(submissions) == 1
    assert mind.published[-1] is submissions[0]
    assert [made.sequence for made in mind.published] == list(range(len(mind.published)))
    assert len({made.id for made in mind.published}) == len(mind.published)


def test_a_state_survives_its_json() -> None:
    mind = Mind()
    mind.reply(PROBE)
    mind.see("text")
    assert mind.state is not None
    assert ObserverState.model_validate_json(mind.state.model_dump_json()) == mind.state
