"""The correlator: one open incident a group, whatever the alerts do."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.contracts.alert import AlertReceived, AlertStatus, GroupReleased
from agents.contracts.envelope import Event
from agents.contracts.incident import (
    IncidentClosed,
    IncidentOpened,
    IncidentSnapshot,
    IncidentUpdated,
    Task,
)
from agents.contracts.model_base import Fact
from agents.correlator import CorrelatorReducer, CorrelatorState
from agents.reducer import APPLIED_KEPT, reduce
from tests.builders import alert, at, event, grouped

REDUCER = CorrelatorReducer()


def fold(events: list[Event]) -> tuple[CorrelatorState | None, list[IncidentSnapshot]]:
    state, published = None, []
    for happened in events:
        key = REDUCER.key_of(happened)
        assert key is not None
        state, made = reduce(REDUCER, state, key, happened)
        published += [one.fact for one in made if isinstance(one.fact, IncidentSnapshot)]
    return state, published


def test_the_first_firing_alert_opens_with_its_label_s_task() -> None:
    _, (incident,) = fold([event(grouped(alert(task=Task.LOCALIZATION)))])
    assert isinstance(incident, IncidentOpened)
    assert incident.task is Task.LOCALIZATION


def test_without_a_label_the_task_is_mitigation() -> None:
    _, (incident,) = fold([event(grouped(alert()))])
    assert incident.task is Task.MITIGATION


def test_a_redelivered_alert_changes_nothing() -> None:
    once = [event(grouped(alert()))]
    assert fold(once * 3) == fold(once)


def test_a_later_alert_joins_and_a_resolved_one_is_noted() -> None:
    second = alert(fingerprint="f2")
    events = [
        event(grouped(alert())),
        event(grouped(second), seconds=5),
        event(grouped(alert(status=AlertStatus.RESOLVED)), seconds=9),
        event(grouped(alert(fingerprint="f2", status=AlertStatus.RESOLVED)), seconds=9),
    ]
    _, published = fold(events)
    assert [type(one) for one in published] == [IncidentOpened, *[IncidentUpdated] * 3]
    assert [one.resolved_upstream for one in published] == [False, False, False, True]


def test_a_release_closes_and_the_next_start_opens_another() -> None:
    _, (first,) = fold([event(grouped(alert()))])
    released = GroupReleased(
        group="group-1", incident_id=first.incident_id, outcome="success", reason="ok"
    )
    events = [
        event(grouped(alert())),
        event(released, key="group-1"),
        event(released, key="group-1"),
        event(grouped(alert()), seconds=30),
        event(grouped(alert(starts=60)), seconds=60),
    ]
    _, published = fold(events)
    assert [type(one) for one in published] == [IncidentOpened, IncidentClosed, IncidentOpened]
    assert published[0].incident_id != published[2].incident_id


def test_a_resolved_alert_alone_opens_nothing() -> None:
    assert fold([event(grouped(alert(status=AlertStatus.RESOLVED)))])[1] == []


ALERTS = st.builds(
    alert,
    fingerprint=st.sampled_from(["a", "b"]),
    status=st.sampled_from(AlertStatus),
    starts=st.integers(0, 3),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(ALERTS, st.just("release")), max_size=25))
def test_a_group_never_has_two_open_incidents(script: list[AlertReceived | str]) -> None:
    state: CorrelatorState | None = None
    open_now: set[str] = set()
    for number, entry in enumerate(script):
        if isinstance(entry, str):
            if state is None or state.incident is None:
                continue
            fact: Fact = GroupReleased(
                group="group-1",
                incident_id=state.incident.incident_id,
                outcome="success",
                reason="",
            )
        else:
            fact = grouped(entry)
        happened = event(fact, seconds=number, key="group-1")
        state, made = reduce(REDUCER, state, "group-1", happened)
        for one in made:
            match one.fact:
                case IncidentOpened():
                    open_now.add(one.fact.incident_id)
                case IncidentClosed():
                    open_now.remove(one.fact.incident_id)
        assert len(open_now) <= 1


def test_an_alert_that_fires_after_the_submission_opens_the_next_incident() -> None:
    _, (first,) = fold([event(grouped(alert()))])
    released = GroupReleased(
        group="group-1",
        incident_id=first.incident_id,
        outcome="success",
        reason="ok",
        submitted_at=at(100),
    )
    events = [
        event(grouped(alert())),
        event(grouped(alert(fingerprint="early")), seconds=50),
        event(grouped(alert(fingerprint="late")), seconds=150),
        event(released, key="group-1", seconds=200),
    ]
    _, published = fold(events)
    assert [type(one) for one in published[-2:]] == [IncidentClosed, IncidentOpened]
    assert [one.fingerprint for one in published[-1].alerts] == ["late"]


def test_an_incident_is_resolved_only_when_every_alert_is_even_those_not_shown() -> None:
    firing = [event(grouped(alert(fingerprint=f"f{n}"))) for n in range(25)]
    resolved = [
        event(grouped(alert(fingerprint=f"f{n}", status=AlertStatus.RESOLVED)), seconds=9)
        for n in range(25)
    ]
    _, published = fold([*firing, *resolved])
    assert [one.resolved_upstream for one in published[-25:]] == [*[False] * 24, True]


def test_thousands_of_alerts_leave_outputs_small() -> None:
    state: CorrelatorState | None = None
    for number in range(2000):
        quiet = alert(fingerprint=f"q{number}", status=AlertStatus.RESOLVED)
        state, _ = reduce(REDUCER, state, "group-1", event(grouped(quiet), key="group-1"))
    state, made = reduce(REDUCER, state, "group-1", event(grouped(alert()), key="group-1"))
    assert len(made) == 1
    assert len(made[0].applied) <= APPLIED_KEPT + 1
