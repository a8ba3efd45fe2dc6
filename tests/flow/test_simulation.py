"""The reducer runtime against a simulated log, through thousands of random crash schedules.

One partition, two inputs, up to three processes at a time that believe to own it. At every await a
process may be killed, frozen (its successor starts while it lives on) or told that the log broke.
Whatever happens: every event counts once, and replaying the published order repeats every byte.
`AOI_TEST_SCHEDULES` and `AOI_TEST_SEED` choose others; a failure names its seed.
"""

import os
import random
import types
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from agents.contracts.alert import GroupReleased
from agents.contracts.approval import PreviewCompleted
from agents.contracts.audit import TimerFired
from agents.contracts.envelope import Event
from agents.contracts.ids import ApprovalId, EventId, IncidentId, PlanId, event_id
from agents.contracts.observation import ObservationRecorded
from agents.contracts.telemetry import TelemetryKind
from agents.reducer import Output, ReducerState, Step, due_timers, reduce
from agents.roles import Role
from streams import topics
from streams.codec import Received, Source, decode, encode
from streams.partitioner import partition_of
from streams.reduction import OFFSETS_KEY, STATE_PREFIX, Change, Reduction
from streams.topic import INCIDENT_PARTITIONS
from streams.transaction import LogBroken, LogFenced, Owner
from streams.wire import Outgoing

SCHEDULES = int(os.environ.get("AOI_TEST_SCHEDULES", "10000"))
SEED = int(os.environ.get("AOI_TEST_SEED", "20261123"))
START = datetime(2026, 11, 23, tzinfo=UTC)
PARTITION = 3
INPUTS = (topics.ALERTS_GROUPED.name, topics.OBSERVATIONS.name)
OUTPUT = topics.PREVIEWS_COMPLETED.name
KEYS = [
    key
    for key in (f"incident-{number}" for number in range(99))
    if partition_of(key.encode(), INCIDENT_PARTITIONS) == PARTITION
][:3]


class Tally(ReducerState):
    """How many events a key has seen."""

    count: int = 0


class TallyReducer:
    """Counts; publishes on most counts, sets timers on some, forgets the key on others."""

    role = Role.OBSERVER
    state_type = Tally

    def key_of(self, event: Event) -> str | None:
        return event.key

    def initial(self, key: str) -> Tally:
        return Tally(key=key)

    def advance(self, state: Tally, event: Event) -> Step[Tally]:
        count = state.count + 1
        output = Output(
            id=event_id(state.key, "PreviewCompleted", event.id),
            key=state.key,
            fact=PreviewCompleted(
                incident_id=IncidentId(state.key),
                plan_id=PlanId(str(count)),
                approval_id=ApprovalId(event.id),
                error="rang" if isinstance(event.fact, TimerFired) else "counted",
            ),
        )
        if isinstance(event.fact, GroupReleased) and event.fact.outcome == "forget":
            return Step(None, (output,))
        counted = state.model_copy(update={"count": count})
        if count % 4 == 1:
            due = event.time + timedelta(seconds=5)
            counted = counted.with_timer(f"ring-{count}", due)
        return Step(counted, () if count % 3 == 0 else (output,))


@dataclass(slots=True)
class Transaction:
    """What one transaction would make visible."""

    epoch: int
    records: list[Outgoing] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Broker:
    """The committed state of one partition number, and at most one transaction under way."""

    inputs: dict[str, list[Received]] = field(default_factory=lambda: {t: [] for t in INPUTS})
    published: list[Event] = field(default_factory=list)
    states: dict[bytes, bytes] = field(default_factory=dict)
    group: dict[str, int] = field(default_factory=lambda: dict.fromkeys(INPUTS, 0))
    epoch: int = 0
    open: Transaction | None = None
    prepared: Transaction | None = None

    def fence(self) -> int:
        self.complete()
        self.open = None
        self.epoch += 1
        return self.epoch

    def complete(self) -> None:
        done, self.prepared = self.prepared, None
        if done is None:
            return
        for one in done.records:
            if one.topic == topics.STATES[Role.OBSERVER].name:
                assert one.record.key is not None
                if one.record.value is None:
                    self.states.pop(one.record.key, None)
                else:
                    self.states[one.record.key] = one.record.value
            else:
                source = Source(one.topic, one.partition)
                received = Received(source=source, offset=0, record=one.record)
                self.published.append(decode(received))
        self.group |= done.offsets

    def check(self, epoch: int) -> None:
        if epoch != self.epoch:
            raise LogFenced("a later owner has started")


@types.coroutine
def point() -> Generator[bool, None, None]:
    """A place in the log's client: a process may be killed or frozen here, or the log may break."""
    yield True


@types.coroutine
def pause() -> Generator[bool, None, None]:
    """A place outside of the log: a process may be killed or frozen here."""
    yield False


class SimulatedLog:
    """`Log` over the simulated broker, with a point before and after every effect."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.epoch = -1

    async def fence(self) -> None:
        await point()
        self.epoch = self.broker.fence()
        await point()

    async def restore(self) -> Mapping[bytes, bytes]:
        await point()
        found = dict(self.broker.states)
        await point()
        return found

    async def begin(self) -> None:
        self.broker.check(self.epoch)
        self.broker.open = Transaction(self.epoch)

    async def send(self, records: Iterable[Outgoing]) -> None:
        await point()
        self.broker.check(self.epoch)
        assert self.broker.open is not None
        self.broker.open.records.extend(records)
        await point()

    async def advance(self, offsets: Mapping[Source, int]) -> None:
        self.broker.check(self.epoch)
        assert self.broker.open is not None
        self.broker.open.offsets = {source.topic: at for source, at in offsets.items()}
        await point()

    async def commit(self) -> None:
        await point()
        self.broker.check(self.epoch)
        self.broker.prepared, self.broker.open = self.broker.open, None
        await point()
        # the coordinator ends what it has prepared, whatever became of its client
        self.broker.complete()
        await point()

    async def close(self) -> None:
        return


@dataclass(slots=True)
class Clock:
    """The time of a schedule."""

    now: datetime = START


async def process(
    broker: Broker, clock: Clock, rng: random.Random, make: type[Owner[Tally]]
) -> None:
    """Own the partition as the runtime does: fetched before the fence, batches kept on trouble."""
    position = dict(broker.group)
    batch = fetched(broker, position, rng)
    await pause()
    owner = make(reduction_type(make)(TallyReducer(), PARTITION), SimulatedLog(broker))
    while True:
        try:
            await owner.open()
            while True:
                await owner.turn(batch, clock.now, fire=rng.random() < 0.5)
                await pause()
                if rng.random() < 0.1:
                    position = dict(broker.group)
                batch = fetched(broker, position, rng)
        except LogBroken:
            await pause()


def fetched(broker: Broker, position: dict[str, int], rng: random.Random) -> list[Received]:
    """Return some next records of both inputs, in any mixture that keeps each one's order."""
    batch: list[Received] = []
    for topic in rng.sample(INPUTS, k=2):
        waiting = [r for r in broker.inputs[topic] if r.offset >= position[topic]]
        taken = waiting[: rng.randrange(5)]
        if taken:
            position[topic] = taken[-1].offset + 1
        batch.extend(taken)
    return batch


def reduction_type(make: type[Owner[Tally]]) -> type[Reduction[Tally]]:
    return RepeatingReduction if make is Repeating else Reduction


class RepeatingReduction(Reduction[Tally]):
    """A mutant that trusts the group's offsets alone."""

    def apply(
        self, batch: Iterable[Received], now: datetime, *, fire: bool = True
    ) -> Change[Tally]:
        self.applied = {}
        return super().apply(batch, now, fire=fire)


class Repeating(Owner[Tally]):
    """See `RepeatingReduction`."""


class RestoringFirst(Owner[Tally]):
    """A mutant that reads the state before it fences."""

    async def open(self) -> None:
        self.reduction.restore(await self._log.restore())
        await self._log.fence()


class AcceptingFirst(Owner[Tally]):
    """A mutant that believes in a change before its commit and does not restore afterwards."""

    opened = False

    async def open(self) -> None:
        await self._log.fence()
        if not self.opened:
            self.reduction.restore(await self._log.restore())
        self.opened = True


def produce(broker: Broker, clock: Clock, rng: random.Random, number: int) -> None:
    """Append one input; offsets skip as the markers of transactions make them skip."""
    topic, key = rng.choice(INPUTS), rng.choice(KEYS)
    fact: GroupReleased | ObservationRecorded
    if topic == topics.ALERTS_GROUPED.name:
        outcome = "forget" if rng.random() < 0.1 else "kept"
        fact = GroupReleased(group=key, incident_id=key, outcome=outcome, reason="")
    else:
        fact = ObservationRecorded(
            incident_id=IncidentId(key),
            plan_id=PlanId(str(number)),
            iteration=1,
            kind=TelemetryKind.READ,
            line="",
            exit_code=0,
            text="",
        )
    event = Event(id=EventId(f"e{number}"), source="test", time=clock.now, key=key, fact=fact)
    log = broker.inputs[topic]
    offset = (log[-1].offset if log else -1) + rng.choice((1, 1, 2))
    log.append(Received(source=Source(topic, PARTITION), offset=offset, record=encode(event)))


def run_schedule(seed: int, make: type[Owner[Tally]] = Owner) -> Broker:
    """Run one random schedule to its end, then one process undisturbed, and return the broker."""
    rng, broker, clock = random.Random(seed), Broker(), Clock()
    alive: list[Generator[bool, None, None]] = []
    inside: set[Generator[bool, None, None]] = set()
    number = 0
    for _ in range(60):
        clock.now += timedelta(seconds=rng.random())
        if rng.random() < 0.35:
            produce(broker, clock, rng, number)
            number += 1
        if not alive or (len(alive) < 3 and rng.random() < 0.06):
            alive.append(process(broker, clock, rng, make).__await__())
        one = rng.choice(alive)
        fate = rng.random()
        if fate < 0.05:
            one.close()
            alive.remove(one)
        elif one.throw(LogBroken("lost")) if fate < 0.15 and one in inside else next(one):
            inside.add(one)
        else:
            inside.discard(one)
    for one in alive:
        one.close()
    clock.now += timedelta(hours=1)
    last = process(broker, clock, rng, make).__await__()
    for _ in range(2000):
        next(last)
        if settled(broker):
            break
    last.close()
    return broker


def settled(broker: Broker) -> bool:
    read = all(not log or broker.group[t] > log[-1].offset for t, log in broker.inputs.items())
    return read and not any(state.timers for state in states(broker).values())


def states(broker: Broker) -> dict[str, Tally]:
    return {
        key.removeprefix(STATE_PREFIX).decode(): Tally.model_validate_json(value)
        for key, value in broker.states.items()
        if key != OFFSETS_KEY
    }


def verify(broker: Broker) -> None:
    """Check exactly once, order within each input, and byte equality of a replay."""
    assert settled(broker), "an event or a timer was lost"
    inputs = {t: [decode(r) for r in log] for t, log in broker.inputs.items()}
    known = {event.id: event for events in inputs.values() for event in events}
    end = states(broker)
    for key in KEYS:
        published = [event for event in broker.published if event.key == key]
        order = [one for event in published for one in event.applied]
        order += end[key].applied if key in end else ()
        assert len(order) == len(set(order)), "an event was applied twice"
        for events in inputs.values():
            ours = [event.id for event in events if event.key == key]
            assert [one for one in order if one in set(ours)] == ours, "an input's order was lost"
        state, repeated = replay(key, order, known)
        assert repeated == published, "a replay publishes something else"
        assert state == end.get(key), "a replay ends in another state"


def replay(
    key: str, order: list[EventId], known: Mapping[EventId, Event]
) -> tuple[Tally | None, list[Event]]:
    state: Tally | None = None
    repeated: list[Event] = []
    clock_end = datetime.max.replace(tzinfo=UTC)
    for one in order:
        event = known.get(one)
        if event is None:
            assert state is not None, "a timer fired without a state"
            timers = {timer.id: timer for timer in due_timers(state, clock_end)}
            assert one in timers, "a timer fired that did not stand in the state"
            event = timers[one]
        state, events = reduce(TallyReducer(), state, key, event)
        repeated += events
    return state, repeated


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_outputs_and_states_are_exact_through_any_crash() -> None:
    print(f"{SCHEDULES} schedules from seed {SEED}")  # noqa: T201 - to repeat a run
    for seed in range(SEED, SEED + SCHEDULES):
        try:
            verify(run_schedule(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}: AOI_TEST_SEED={seed} AOI_TEST_SCHEDULES=1")
            raise


@pytest.mark.parametrize("mutant", [Repeating, RestoringFirst, AcceptingFirst])
def test_the_simulation_catches_a_runtime_without_its_guards(mutant: type[Owner[Tally]]) -> None:
    def find_a_fault() -> None:
        for seed in range(SEED, SEED + 3000):
            verify(run_schedule(seed, mutant))

    with pytest.raises(AssertionError, match=r"twice|lost|replay|did not stand"):
        find_a_fault()
