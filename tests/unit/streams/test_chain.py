"""The order of a chain: by time, never before the cause, each event once."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agents.contracts.alert import GroupReleased
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId
from streams.chain import concerns, ordered
from streams.codec import Received, Record, Source

START = datetime(2026, 11, 20, tzinfo=UTC)
FACT = GroupReleased(group="g", incident_id="i", outcome="success", reason="")


def found(name: str, seconds: float, cause: str | None = None) -> tuple[Received, Event]:
    event = Event(
        id=EventId(name),
        source="s",
        time=START + timedelta(seconds=seconds),
        key="i",
        fact=FACT,
        cause=None if cause is None else EventId(cause),
    )
    received = Received(source=Source("plans", 0), offset=0, record=Record(key=b"i", value=b""))
    return received, event


def names(*several: tuple[Received, Event]) -> list[str]:
    return [link.event.id for link in ordered(several)]


def test_links_are_in_the_order_of_time() -> None:
    assert names(found("b", 2), found("a", 1), found("c", 3)) == ["a", "b", "c"]


def test_an_effect_of_the_same_moment_comes_after_its_cause() -> None:
    assert names(found("z", 1, "y"), found("y", 1, "x"), found("x", 1)) == ["x", "y", "z"]


def test_a_clock_that_lags_does_not_put_an_effect_before_its_cause() -> None:
    assert names(found("effect", 1, "cause"), found("cause", 5)) == ["cause", "effect"]


def test_a_repeated_event_is_one_link() -> None:
    assert names(found("a", 1), found("a", 1)) == ["a"]


def test_a_circle_of_causes_ends() -> None:
    assert sorted(names(found("a", 1, "b"), found("b", 1, "a"))) == ["a", "b"]


def test_an_event_belongs_to_the_incident_that_it_names() -> None:
    _, event = found("a", 1)
    assert concerns(event, IncidentId("i"))
    assert not concerns(event, IncidentId("j"))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=10))
def test_every_event_is_there_once_and_after_its_cause(drawn: list[tuple[int, int]]) -> None:
    several = [
        found(str(number), seconds, str(cause) if cause < number else None)
        for number, (seconds, cause) in enumerate(drawn)
    ]
    order = names(*several)
    assert sorted(order) == sorted(str(number) for number in range(len(drawn)))
    for _, event in several:
        if event.cause is not None:
            assert order.index(event.cause) < order.index(event.id)
