"""The guard: what becomes of each kind of exception, for every role there is."""

import errno
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from agents.contracts.alert import GroupReleased
from agents.contracts.audit import DeadLettered
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId, PlanId
from agents.contracts.model_base import Fact
from agents.contracts.telemetry import TelemetryCollected, TelemetryKind
from agents.environments.protocol import EnvironmentUnavailable
from agents.models.protocol import ModelUnavailable
from agents.reducer import Output, ReducerState, Step
from agents.roles import Role
from agents.worker import Fatal, Poison, Transient
from streams import app, topics, wiring
from streams.codec import Received, Record, Source, decode, encode
from streams.guard import DEFECT_TRIES, Answer, Guard, classify
from streams.partitioner import partition_of
from streams.reducers.host import ReducerHost
from streams.reduction import Reduction
from streams.settings import KafkaSettings
from streams.topic import Topic
from streams.wire import Outgoing
from streams.workers.host import WorkerHost

NOW = datetime(2026, 11, 23, tzinfo=UTC)
WORKERS = [role for role in Role if role not in topics.REDUCERS]


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (Transient("away"), Answer.AGAIN),
        (KafkaConnectionError("away"), Answer.AGAIN),
        (EnvironmentUnavailable("away"), Answer.AGAIN),
        (ModelUnavailable("away"), Answer.AGAIN),
        (ConnectionResetError("away"), Answer.AGAIN),
        (TimeoutError(), Answer.AGAIN),
        (Poison("code", "bad"), Answer.DEAD_LETTER),
        (KeyError("defect"), Answer.DEAD_LETTER),
        (AssertionError("defect"), Answer.DEAD_LETTER),
        (RecursionError(), Answer.DEAD_LETTER),
        (Fatal("stop"), Answer.STOP),
        (MemoryError(), Answer.STOP),
        (OSError(errno.ENOSPC, "full"), Answer.STOP),
        (KeyboardInterrupt(), Answer.STOP),
    ],
)
def test_each_exception_has_its_answer(error: BaseException, answer: Answer) -> None:
    assert classify(error) is answer


def received(topic: Topic, record: Record) -> Received:
    return Received(source=Source(topic.name, 0), offset=7, record=record)


def released(group: str = "g") -> Record:
    fact = GroupReleased(group=group, incident_id="i", outcome="o", reason="")
    return encode(Event(id=EventId("e"), source="t", time=NOW, key=group, fact=fact))


def letters(records: Iterable[Outgoing]) -> list[DeadLettered]:
    found = []
    for one in records:
        if one.topic == topics.DEADLETTERS.name:
            source = Source(one.topic, one.partition)
            fact = decode(Received(source=source, offset=0, record=one.record)).fact
            assert isinstance(fact, DeadLettered)
            found.append(fact)
    return found


class Raising:
    """A handler that raises what it is given, one after the other, then answers with nothing."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, event: Event) -> Sequence[Outgoing]:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return ()


def guard(role: Role = Role.INTAKE) -> Guard:
    return Guard(role=role, clock=lambda: NOW, longest_pause=0.001)


async def answer(handler: Raising) -> list[DeadLettered]:
    return letters(await guard().answer(received(topics.ALERTS_GROUPED, released()), handler))


async def test_transient_is_tried_until_it_passes() -> None:
    handler = Raising(*[Transient("away")] * 20)
    assert await answer(handler) == []
    assert handler.calls == 21


async def test_poison_is_a_dead_letter_at_once_with_its_code() -> None:
    handler = Raising(Poison("bad-signature", "no"))
    (letter,) = await answer(handler)
    assert (letter.reason, letter.offset, handler.calls) == ("bad-signature", 7, 1)


async def test_a_defect_is_a_dead_letter_after_a_few_tries() -> None:
    handler = Raising(*[KeyError("x")] * 9)
    (letter,) = await answer(handler)
    assert (letter.reason, handler.calls) == ("defect", DEFECT_TRIES)
    assert await answer(Raising(KeyError("x"))) == []


async def test_fatal_leaves_the_guard_and_nothing_else_does() -> None:
    with pytest.raises(Fatal):
        await answer(Raising(Fatal("stop")))
    with pytest.raises(Fatal):
        await answer(Raising(OSError(errno.ENOSPC, "full")))


async def test_a_dead_letter_keeps_the_bytes_and_repeats_its_id() -> None:
    record = Record(key=b"k", value=b"\xff\x00", headers=(("ce_type", b"x"),))
    place = received(topics.ALERTS, record)
    first, second = [await guard().answer(place, Raising()) for _ in range(2)]
    assert first == second
    (letter,) = letters(first)
    assert (letter.value, letter.key, letter.headers) == ("/wA=", "aw==", (("ce_type", "eA=="),))


class BrokenReducer:
    """A reducer of any role whose every step is a defect."""

    state_type = ReducerState

    def __init__(self, role: Role) -> None:
        self.role = role

    def key_of(self, event: Event) -> str | None:
        return event.key

    def initial(self, key: str) -> ReducerState:
        return ReducerState(key=key)

    def advance(self, state: ReducerState, event: Event) -> Step[ReducerState]:
        raise KeyError("defect")


class BrokenWorker:
    """A worker of any role that can't do anything."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def handle(self, event: Event) -> Sequence[Output]:
        raise KeyError("defect")


def some_event(role: Role) -> tuple[Topic, Record]:
    """Return a record that decodes on some input of the role."""
    topic = topics.inputs(role)[0]
    kind: type[Fact] = topic.facts[0]
    fact = kind.model_construct()
    event = Event(id=EventId("e"), source="t", time=NOW, key="k", fact=released_fact())
    headers = dict(encode(event).headers) | {"ce_type": fact.TYPE.encode()}
    return topic, Record(key=b"k", value=b"{}", headers=tuple(headers.items()))


def released_fact() -> GroupReleased:
    return GroupReleased(group="k", incident_id="i", outcome="o", reason="")


@pytest.mark.parametrize("role", list(Role))
async def test_every_role_is_hosted_behind_the_guard(
    role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bad bytes and a defect, given to the host that `build_app` makes, become dead letters."""
    assert role in wiring.BUILDERS
    broken: Any = BrokenReducer(role) if role in topics.REDUCERS else BrokenWorker(role)
    made = app.build_app(wiring.Wired(broken), KafkaSettings())
    topic, record = some_event(role)
    partition = partition_of(b"k", topic.partitions)
    bad = [
        Received(
            source=Source(topic.name, partition), offset=0, record=Record(key=b"k", value=b"{")
        ),
        Received(source=Source(topic.name, partition), offset=1, record=record),
    ]
    if isinstance(made.host, ReducerHost):
        reduction: Reduction[Any] = Reduction(broken, partition)
        change = reduction.apply(bad, NOW)
        assert [letter.role for letter in letters(change.outputs)] == [role, role]
        assert reduction.offsets(change) == {Source(topic.name, partition): 2}
        return
    assert isinstance(made.host, WorkerHost)
    sent: list[Outgoing] = []

    async def publish(records: Sequence[Outgoing]) -> list[int]:
        sent.extend(records)
        return []

    monkeypatch.setattr(made.host._publisher, "publish", publish)
    for one in bad:
        await made.host.take(one)
    await made.host.close()
    assert [letter.role for letter in letters(sent)] == [role, role]
    assert made.host._acks.committable() == {Source(topic.name, partition): 2}


def test_every_agent_of_every_app_only_feeds_its_host() -> None:
    for role in Role:
        broken: Any = BrokenReducer(role) if role in topics.REDUCERS else BrokenWorker(role)
        made = app.build_app(wiring.Wired(broken), KafkaSettings())
        names = {f"{role}.{topic.name}" for topic in topics.inputs(role)}
        assert {name for name in made.agents if name in names} == names
        for name in names:
            agent = made.agents[name]
            assert agent.fun.__qualname__ == "_feed.<locals>.feed"
            assert agent.concurrency == 1
            assert agent.channel.acks is False


async def test_a_fatal_error_stops_the_process_and_acknowledges_nothing() -> None:
    class Dying(BrokenWorker):
        async def handle(self, event: Event) -> Sequence[Output]:
            raise Fatal("enough")

    stopped: list[Exception] = []

    async def stop(error: Exception) -> None:
        stopped.append(error)

    async def commit(offsets: dict[Source, int]) -> bool:
        return True

    host = WorkerHost(Dying(Role.COMPRESSOR), KafkaSettings())
    await host.start(stop, commit)
    key = IncidentId("k")
    fact = TelemetryCollected(
        incident_id=key,
        plan_id=PlanId("p"),
        iteration=1,
        kind=TelemetryKind.READ,
        line="l",
        exit_code=0,
    )
    record = encode(Event(id=EventId("e"), source="t", time=NOW, key=key, fact=fact))
    await host.take(received(topics.TELEMETRY, record))
    await host.close()
    assert [str(error) for error in stopped] == ["enough"]
    assert host._acks.committable() == {}
