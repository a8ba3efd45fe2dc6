"""One partition of a reducer, without I/O: its states, what a batch changes, when a timer is due.

Invariant: `apply` alters nothing; only `accept`, after the commit, makes a change true. An event at
or below the last applied offset of its topic is dropped, so whoever delivers it twice does no harm.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

import orjson
from pydantic import ValidationError

from agents.contracts.audit import TimerFired
from agents.contracts.envelope import Event
from agents.reducer import Reducer, ReducerState, due_timers, reduce
from agents.worker import Fatal, Poison
from streams.codec import Received, Record, Source, decode, encode
from streams.guard import given_up
from streams.partitioner import partition_of
from streams.topic import MAX_RECORD_BYTES
from streams.topics import BY_NAME, STATES
from streams.wire import Outgoing, all_outgoing

# two kinds of keys in a state topic; a reducer's key comes from outside and can't imitate the other
STATE_PREFIX = b"state:"
OFFSETS_KEY = b"offsets"

S = TypeVar("S", bound=ReducerState)


@dataclass(slots=True, kw_only=True)
class Change(Generic[S]):
    """What a batch would change: new states (None forgets), outputs, last applied offsets.

    packed: the states as they will be written. refused: keys whose state would be too large.
    """

    states: dict[str, S | None] = field(default_factory=dict)
    packed: dict[str, bytes | None] = field(default_factory=dict)
    outputs: list[Outgoing] = field(default_factory=list)
    applied: dict[str, int] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    events: int = 0
    dead: int = 0

    def __bool__(self) -> bool:
        return bool(self.applied or self.states or self.outputs)


class Reduction(Generic[S]):
    """The states of one partition number of a reducer, over all of its co-partitioned inputs."""

    def __init__(self, reducer: Reducer[S], partition: int) -> None:
        self.reducer = reducer
        self.partition = partition
        self.states: dict[str, S] = {}
        self.applied: dict[str, int] = {}
        self._due: list[tuple[datetime, str]] = []
        self._state_topic = STATES[reducer.role]

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Replace everything by the latest records of the state partition. Raises Fatal."""
        self.states, self.applied, self._due = {}, {}, []
        for key, value in records.items():
            try:
                if key == OFFSETS_KEY:
                    self.applied = {
                        str(topic): int(at) for topic, at in orjson.loads(value).items()
                    }
                else:
                    state = self.reducer.state_type.model_validate(orjson.loads(value))
                    self._keep(key.removeprefix(STATE_PREFIX).decode(), state)
            except (ValidationError, ValueError, TypeError, AttributeError) as error:
                raise Fatal(
                    f"{self._state_topic.name}/{self.partition} holds a state that this version "
                    f"can't read (key {key[:80]!r}); start the version that wrote it: {error}"
                ) from error

    def apply(self, batch: Iterable[Received], now: datetime, *, fire: bool = True) -> Change[S]:
        """Return what a batch changes, then (with `fire`) what the timers due by `now` change.

        A timer due before an event of its own key goes before it. What can't be applied becomes a
        dead letter of the same change. Raises Fatal.
        """
        records = tuple(batch)
        change = self._apply(records, now, Change(), fire=fire)
        large = frozenset(key for key, value in change.packed.items() if _too_large(value))
        if not large:
            return change
        return self._apply(records, now, Change(refused=large), fire=fire)

    def _apply(
        self, batch: Iterable[Received], now: datetime, change: Change[S], *, fire: bool
    ) -> Change[S]:
        for received in batch:
            topic = received.source.topic
            if received.offset <= change.applied.get(topic, self.applied.get(topic, -1)):
                continue
            change.applied[topic] = received.offset
            change.events += 1
            self._one(received, now, change)
        if fire:
            for key in self._keys_due(now, change):
                self._fire(key, now, now, change)
        for key, state in change.states.items():
            change.packed[key] = None if state is None else _packed(state)
        return change

    def records(self, change: Change[S]) -> list[Outgoing]:
        """Return everything that a change writes: outputs, states, last applied offsets."""
        records = list(change.outputs)
        for key, value in change.packed.items():
            records.append(self._state_record(STATE_PREFIX + key.encode(), value))
        if change.applied:
            applied = orjson.dumps(self.applied | change.applied, option=orjson.OPT_SORT_KEYS)
            records.append(self._state_record(OFFSETS_KEY, applied))
        return records

    def offsets(self, change: Change[S]) -> dict[Source, int]:
        """Return where the inputs stand after a change: the next offset of each."""
        return {Source(topic, self.partition): at + 1 for topic, at in change.applied.items()}

    def accept(self, change: Change[S]) -> None:
        """Make a committed change true."""
        self.applied.update(change.applied)
        for key, state in change.states.items():
            if state is None:
                self.states.pop(key, None)
            else:
                self._keep(key, state)

    def next_due(self) -> datetime | None:
        """Return when the next timer is due; it may have been moved since, which does no harm."""
        return self._due[0][0] if self._due else None

    def _keep(self, key: str, state: S) -> None:
        self.states[key] = state
        if state.timers:
            heapq.heappush(self._due, (min(state.timers.values()), key))

    def _one(self, received: Received, now: datetime, change: Change[S]) -> None:
        """Apply one record, or write its dead letter."""
        try:
            event = decode(received, BY_NAME[received.source.topic].facts)
            key = self.reducer.key_of(event)
            if key is None:
                return
            self._own(key, received.source)
            self._fire(key, min(event.time, now), now, change)
            self._step(key, event, self._state(key, change), change)
        except Exception as error:  # noqa: BLE001 - the guard of reducers: exceptions end here
            self._give_up(received, error, now, change)

    def _own(self, key: str, source: Source) -> None:
        """Refuse a record whose key belongs to another partition: it would split a state."""
        home = partition_of(key.encode(), BY_NAME[source.topic].partitions)
        if home != self.partition:
            raise Poison("misrouted", f"expected {key!r} in partition {home}, got {self.partition}")

    def _step(self, key: str, event: Event, state: S | None, change: Change[S]) -> None:
        if key in change.refused:
            raise Poison("oversize", f"the state of {key!r} would pass {MAX_RECORD_BYTES} bytes")
        after, events = reduce(self.reducer, state, key, event)
        records = all_outgoing(events)
        if after is not self.states.get(key) or key in change.states:
            change.states[key] = after
        change.outputs.extend(records)

    def _fire(self, key: str, until: datetime, now: datetime, change: Change[S]) -> None:
        """Apply the timers of a key that are due; a timer that can't be applied is dropped."""
        while (state := self._state(key, change)) is not None:
            timers = due_timers(state, until)
            if not timers:
                return
            timer = timers[0]
            assert isinstance(timer.fact, TimerFired)  # noqa: S101 - what due_timers makes
            try:
                self._step(key, timer, state, change)
            except Exception as error:  # noqa: BLE001 - as in `_one`
                change.states[key] = state.without_timer(timer.fact.name)
                self._give_up(self._as_received(timer), error, now, change)

    def _give_up(
        self, received: Received, error: Exception, now: datetime, change: Change[S]
    ) -> None:
        change.outputs.extend(given_up(self.reducer.role, received, error, now))
        change.dead += 1

    def _state(self, key: str, change: Change[S]) -> S | None:
        return change.states[key] if key in change.states else self.states.get(key)

    def _keys_due(self, now: datetime, change: Change[S]) -> Sequence[str]:
        """Return the keys with a timer due by now, oldest first, with the change's own states."""
        found: dict[str, datetime] = {}
        while self._due and self._due[0][0] <= now:
            due, key = heapq.heappop(self._due)
            found.setdefault(key, due)
        for key in found:
            state = self.states.get(key)
            if state is not None and state.timers:
                heapq.heappush(self._due, (min(state.timers.values()), key))
        for key, changed in change.states.items():
            if changed is not None and changed.timers:
                found.setdefault(key, min(changed.timers.values()))
        return sorted(found, key=lambda key: (found[key], key))

    def _state_record(self, key: bytes, value: bytes | None) -> Outgoing:
        record = Record(key=key, value=value)
        return Outgoing(topic=self._state_topic.name, partition=self.partition, record=record)

    def _as_received(self, timer: Event) -> Received:
        source = Source(self._state_topic.name, self.partition)
        return Received(source=source, offset=-1, record=encode(timer))


def _too_large(value: bytes | None) -> bool:
    return value is not None and len(value) > MAX_RECORD_BYTES


def _packed(state: ReducerState) -> bytes:
    return orjson.dumps(state.model_dump(mode="json"))
