"""What a reducer is, and the one way in which its outputs become events.

Invariant: `reduce` is pure: state and event in, state and events out; the clock is the event's
time, a timer is a due time in the state, and every id is derived. The Kafka runtime, the
in-process driver and a replay all call it and nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from agents.contracts.audit import TimerFired
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId, derive
from agents.contracts.model_base import Fact
from agents.roles import Role


class ReducerState(BaseModel):
    """What every reducer's state has.

    timers: name to due time. sequence: how many outputs this key has written. applied: ids of the
    events applied since the last output.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    timers: dict[str, datetime] = {}
    sequence: int = 0
    applied: tuple[EventId, ...] = ()

    def with_timer(self, name: str, due: datetime) -> Self:
        """Return the state with a timer set (or moved)."""
        return self.model_copy(update={"timers": {**self.timers, name: due}})

    def without_timer(self, name: str) -> Self:
        """Return the state without that timer."""
        kept = {other: due for other, due in self.timers.items() if other != name}
        return self.model_copy(update={"timers": kept})


APPLIED_KEPT = 256
"""How many ids are listed one by one; older ones are folded into a single derived id."""


def bounded(applied: tuple[EventId, ...]) -> tuple[EventId, ...]:
    """Return the ids with all but the newest folded, so that a quiet state stays small.

    The fold is derived from the ids that it stands for, in their order: whoever replays the inputs
    makes the same.
    """
    if len(applied) <= APPLIED_KEPT:
        return applied
    older, newer = applied[: -APPLIED_KEPT // 2], applied[-APPLIED_KEPT // 2 :]
    return (EventId(derive("applied", *older)), *newer)


S = TypeVar("S", bound=ReducerState)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A fact to publish under `key` with a derived id."""

    id: EventId
    key: str
    fact: Fact
    incident: IncidentId | None = None


@dataclass(frozen=True, slots=True)
class Step(Generic[S]):
    """The next state (None forgets the key) and what to publish."""

    state: S | None
    outputs: tuple[Output, ...] = ()


class Reducer(Protocol[S]):
    """A pure state machine over one key."""

    @property
    def role(self) -> Role:
        """The role that it plays."""
        ...

    @property
    def state_type(self) -> type[S]:
        """The class that its stored states are read as."""
        ...

    def key_of(self, event: Event) -> str | None:
        """Return the key whose state the event advances; None when it is not for this reducer."""
        ...

    def initial(self, key: str) -> S:
        """Return the state of a key that was never seen."""
        ...

    def advance(self, state: S, event: Event) -> Step[S]:
        """Apply one event. An event that does not fit the state changes nothing."""
        ...


def reduce(
    reducer: Reducer[S], state: S | None, key: str, event: Event
) -> tuple[S | None, list[Event]]:
    """Apply one event and return the new state and the events to publish, in order.

    An event that changes nothing and publishes nothing leaves `applied` as it was, so that
    redeliveries leave no trace. A timer leaves the state before it is applied: it fires once.
    """
    before = state if state is not None else reducer.initial(key)
    if isinstance(event.fact, TimerFired):
        if event.fact.name not in before.timers:
            return state, []
        step = reducer.advance(before.without_timer(event.fact.name), event)
    else:
        step = reducer.advance(before, event)
    if step.state is None:
        applied, sequence = bounded((*before.applied, event.id)), before.sequence
    elif step.state == before and not step.outputs:
        return state, []
    else:
        applied = bounded((*step.state.applied, event.id))
        sequence = step.state.sequence
    events = list(_events(reducer.role, event, step.outputs, sequence, applied))
    if step.state is None:
        return None, events
    rest = () if events else applied
    update = {"sequence": sequence + len(events), "applied": rest}
    return step.state.model_copy(update=update), events


def _events(
    role: Role,
    cause: Event,
    outputs: Iterable[Output],
    sequence: int,
    applied: tuple[EventId, ...],
) -> Iterable[Event]:
    for number, output in enumerate(outputs):
        yield Event(
            id=output.id,
            source=f"aoi/{role}",
            time=cause.time,
            key=output.key,
            fact=output.fact,
            incident=output.incident,
            cause=cause.id,
            sequence=sequence + number,
            applied=applied if number == 0 else (),
            traceparent=cause.traceparent,
        )


def due_timers(state: ReducerState, now: datetime) -> list[Event]:
    """Return the timers of a state that are due, oldest first, as events with derived ids."""
    due = sorted((when, name) for name, when in state.timers.items() if when <= now)
    return [
        Event(
            id=EventId(derive("timer", state.key, name, when.isoformat())),
            source="aoi/timer",
            time=when,
            key=state.key,
            fact=TimerFired(name=name, key=state.key),
        )
        for when, name in due
    ]


AnyReducer = Reducer[Any]
