"""What the outbox writes and what it leaves, decided from what compaction has left of a topic."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId, ModelId, PlanId
from agents.contracts.model import ModelPromoted, ModelRole
from agents.contracts.observation import ObservationRecorded
from agents.contracts.telemetry import TelemetryKind
from streams.outbox import Latest, Outbox, Published, Standing, sift
from streams.settings import KafkaSettings
from streams.topics import MODELS

START = datetime(2026, 11, 27, tzinfo=UTC)


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def promotion(name: str, second: float, role: ModelRole = ModelRole.OBSERVER) -> Event:
    fact = ModelPromoted(
        role=role, model_id=ModelId(name), location="/m", digest="sha256:0", verdict="better"
    )
    return Event(id=EventId(name), source="aoi/learner", time=at(second), key=str(role), fact=fact)


def standing(*left: Event | Latest) -> Standing:
    """Return a compacted topic of the role observer."""
    ids = {one.id for one in left if one.id is not None}
    latest = {}
    for one in left:
        key = one.key if isinstance(one, Event) else str(ModelRole.OBSERVER)
        latest[MODELS.name, key] = Latest(one.id, one.time)
    return Standing(ids=frozenset(ids), latest=latest)


def written(events: list[Event], log: Standing) -> list[str]:
    fresh, told = sift(events, log)
    assert [event.id for event in fresh] == list(told.written)
    return [event.id for event in fresh]


A, B, C = (promotion(name, second) for second, name in enumerate("abc"))


def test_an_empty_topic_gets_all_in_order_and_each_once() -> None:
    assert written([A, B, A, C], standing()) == ["a", "b", "c"]


def test_what_stands_there_is_left() -> None:
    assert sift([A, B], standing(A, B))[1] == Published(already=(A.id, B.id))


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (standing(C), []),
        (standing(A), ["b", "c"]),
        (standing(promotion("elsewhere", 0.5)), ["b", "c"]),
        (standing(promotion("elsewhere", 9)), []),
        (standing(promotion("elsewhere", 9, ModelRole.EVOLVER)), ["a", "b", "c"]),
        (standing(Latest(None, at(1.5))), ["c"]),
    ],
    ids=["all-but-the-last-compacted", "the-first", "older", "newer", "another-key", "removed"],
)
def test_compaction_hides_what_was_replaced(log: Standing, expected: list[str]) -> None:
    assert written([A, B, C], log) == expected


def test_at_one_time_the_order_of_the_batch_decides() -> None:
    first, second, new = promotion("first", 5), promotion("second", 5), promotion("new", 5)
    assert written([first, second], standing(second)) == []
    assert sift([first, second], standing(second))[1].superseded == (first.id,)
    assert written([new], standing(second)) == ["new"]


@given(
    st.lists(st.tuples(st.sampled_from(list(ModelRole)), st.integers(0, 3)), max_size=12),
    st.integers(0, 12),
)
def test_a_batch_that_is_repeated_after_any_compaction_writes_nothing(
    shape: list[tuple[ModelRole, int]], compacted: int
) -> None:
    moment, events = 0, []
    for number, (role, step) in enumerate(shape):
        moment += step
        events.append(promotion(str(number), moment, role))
    # compaction keeps the latest of each key, and behind the cleaner's reach everything
    latest = {event.key: event for event in events}
    left = [
        event
        for number, event in enumerate(events)
        if number >= compacted or latest[event.key] is event
    ]
    assert written(events, standing(*left)) == []


async def test_only_broadcast_topics_are_published_to() -> None:
    fact = ObservationRecorded(
        incident_id=IncidentId("i"),
        plan_id=PlanId("p"),
        iteration=1,
        kind=TelemetryKind.READ,
        line="l",
        exit_code=0,
        text="t",
    )
    event = Event(id=EventId("o"), source="aoi/learner", time=START, key="i", fact=fact)
    with pytest.raises(ValueError, match="broadcast"):
        await Outbox(KafkaSettings()).publish([event])
    assert await Outbox(KafkaSettings()).publish([]) == Published()
