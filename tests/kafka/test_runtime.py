"""The hosts on a real broker: exact through kills and freezes, nothing lost by workers."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.contracts.audit import DeadLettered
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId, ModelId, PlanId
from agents.contracts.model import ModelReplied, ModelRequested, ModelRole
from agents.contracts.observation import ObservationRecorded
from agents.contracts.telemetry import TelemetryCollected, TelemetryKind
from streams import cluster, login, topics
from streams.codec import Received, Record, Source, decode, encode
from streams.settings import KafkaSettings
from streams.topic import Topic
from streams.wire import placed

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

SCRIPT = Path(__file__).with_name("runtime_process.py")
ROOT = Path(__file__).parents[2]
START = datetime(2026, 11, 23, tzinfo=UTC)


class Crew:
    """Processes of one test; all end with it."""

    def __init__(self, settings: KafkaSettings, credentials: Path, logs: Path) -> None:
        self._settings, self._credentials, self._logs = settings, credentials, logs
        self._all: list[subprocess.Popen[bytes]] = []

    def start(self, *roles: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(SCRIPT), str(self._credentials)]
        with (self._logs / f"process-{len(self._all)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, self._settings.topic_prefix, *roles],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"},
            )
        self._all.append(process)
        return process

    def log(self, number: int) -> str:
        return (self._logs / f"process-{number}.log").read_text()

    def check(self) -> None:
        """Fail early when a process ended by itself."""
        for number, process in enumerate(self._all):
            assert process.poll() in (None, -signal.SIGKILL), self.log(number)[-3000:]

    def end(self) -> None:
        for process in self._all:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


@pytest.fixture
def crew(space: Any, tmp_path: Path) -> Iterator[Crew]:
    made = Crew(space.login(), space.broker.credentials_dir, tmp_path)
    yield made
    made.end()


@asynccontextmanager
async def producer(settings: KafkaSettings, **more: Any) -> AsyncIterator[AIOKafkaProducer]:
    made = AIOKafkaProducer(**login.aiokafka(settings), **more)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def send(made: AIOKafkaProducer, settings: KafkaSettings, event: Event) -> None:
    for topic in topics.route(event.fact):
        one = placed(topic, encode(event))
        await made.send(
            settings.topic(one.topic),
            key=one.record.key,
            value=one.record.value,
            headers=list(one.record.headers),
            partition=one.partition,
        )


async def committed(settings: KafkaSettings, topic: Topic) -> list[Event]:
    """Return every committed event of a topic, partition by partition in order."""
    consumer = AIOKafkaConsumer(
        isolation_level="read_committed", enable_auto_commit=False, **login.aiokafka(settings)
    )
    await consumer.start()
    try:
        places = [TopicPartition(settings.topic(topic.name), n) for n in range(topic.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: list[Event] = []
        while [p for p in places if await consumer.position(p) < ends[p]]:
            for place, records in (await consumer.getmany(timeout_ms=200)).items():
                for r in records:
                    record = Record(key=r.key, value=r.value, headers=tuple(r.headers))
                    source = Source(topic.name, place.partition)
                    found.append(decode(Received(source=source, offset=r.offset, record=record)))
        return found
    finally:
        await consumer.stop()


async def until(
    crew: "Crew", settings: KafkaSettings, topic: Topic, count: int, seconds: float = 90
) -> list[Event]:
    """Wait until as many different ids were published, then a little for repeats."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        crew.check()
        events = await committed(settings, topic)
        if len({event.id for event in events}) >= count:
            await asyncio.sleep(2)
            return await committed(settings, topic)
        await asyncio.sleep(1)
    return await committed(settings, topic)


def model_reply(number: int, keys: int = 40) -> Event:
    key = IncidentId(f"incident-{number % keys}")
    fact: ModelReplied | ObservationRecorded
    if number % 2:
        fact = ModelReplied(
            incident_id=key,
            request_id=str(number),
            role=ModelRole.OBSERVER,
            iteration=1,
            attempt=0,
            model_id=ModelId("m"),
            text="t",
        )
    else:
        fact = ObservationRecorded(
            incident_id=key,
            plan_id=PlanId(str(number)),
            iteration=1,
            kind=TelemetryKind.READ,
            line="l",
            exit_code=0,
            text="t",
        )
    return Event(id=EventId(f"in-{number}"), source="test", time=START, key=key, fact=fact)


def telemetry(number: int, seconds: float, line: str = "l") -> Event:
    key = IncidentId(f"incident-{number % 40}")
    fact = TelemetryCollected(
        incident_id=key,
        plan_id=PlanId(str(number)),
        iteration=1,
        kind=TelemetryKind.READ,
        line=line,
        exit_code=0,
        seconds=seconds,
    )
    return Event(id=EventId(f"tel-{number}"), source="test", time=START, key=key, fact=fact)


def assert_exact(events: list[Event], count: int) -> None:
    """Check that every input counted once and that each key's numbers are in order."""
    causes = Counter(event.cause for event in events)
    repeated = [cause for cause, times in causes.items() if times > 1]
    assert not repeated, f"{len(repeated)} inputs counted more than once"
    assert len(causes) == count, f"expected {count} outputs, got {len(causes)}"
    assert_numbered(events)


def assert_numbered(events: list[Event]) -> None:
    """Check that each key's numbers are in order, without a gap."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for event in events:
        assert isinstance(event.fact, ModelRequested)
        numbers[event.key].append(event.fact.iteration)
    assert all(seen == list(range(1, len(seen) + 1)) for seen in numbers.values())


async def test_a_reducer_in_two_processes_is_exact_through_kills_and_freezes(
    space: Any, crew: Crew
) -> None:
    settings, total = space.login(), 6000
    first, second = crew.start("observer"), crew.start("observer")
    async with producer(settings) as made:
        for number in range(total):
            await send(made, settings, model_reply(number))
            if number % 100 == 99:
                await made.flush()
                await asyncio.sleep(0.25)
            if number == 2500:
                first.kill()
                first = crew.start("observer")
            if number == 4000:
                second.send_signal(signal.SIGSTOP)
        await asyncio.sleep(8)
        second.send_signal(signal.SIGCONT)
    events = await until(crew, settings, topics.MODEL_REQUESTS, total)
    assert_exact(events, total)
    for process in (first, second):
        process.send_signal(signal.SIGTERM)
    assert [process.wait(30) for process in (first, second)] == [0, 0]


async def test_a_worker_that_is_killed_loses_nothing_and_repeats_ids(
    space: Any, crew: Crew
) -> None:
    settings, total = space.login(), 600
    worker = crew.start("compressor")
    # inputs as reducers write them: every transaction leaves a marker, a gap in the offsets
    async with producer(settings, transactional_id=f"{settings.topic_prefix}test") as made:
        for number in range(0, total, 3):
            async with made.transaction():
                for one in range(number, number + 3):
                    await send(made, settings, telemetry(one, 3.0 if one % 7 == 0 else 0.05))
            if number == 240:
                await asyncio.sleep(4)
                worker.kill()
                worker = crew.start("compressor")
    events = await until(crew, settings, topics.OBSERVATIONS, total)
    assert len({event.id for event in events}) == total
    assert len({event.cause for event in events}) == total
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(40) == 0


async def test_poison_and_defects_become_dead_letters_and_the_rest_goes_on(
    space: Any, crew: Crew
) -> None:
    settings = space.login()
    crew.start("compressor", "observer")
    async with producer(settings) as made:
        await made.send_and_wait(settings.topic(topics.TELEMETRY.name), b"not json")
        await made.send_and_wait(settings.topic(topics.MODEL_REPLIES.name), b"{}", key=b"k")
        await send(made, settings, telemetry(1, 0.0, line="defect"))
        await send(made, settings, telemetry(2, 0.0))
        await send(made, settings, model_reply(3))
        await made.flush()
    await until(crew, settings, topics.OBSERVATIONS, 1, 60)
    assert_exact(await until(crew, settings, topics.MODEL_REQUESTS, 2, 60), 2)
    letters = [event.fact for event in await until(crew, settings, topics.DEADLETTERS, 3, 30)]
    reasons = {
        (letter.source_topic, letter.reason)
        for letter in letters
        if isinstance(letter, DeadLettered)
    }
    assert reasons == {
        ("telemetry", "missing-attribute"),
        ("telemetry", "defect"),
        ("model.replies", "missing-attribute"),
    }


async def test_a_role_without_its_rights_does_not_start_and_says_which(
    space: Any, crew: Crew
) -> None:
    process = crew.start("observer=compressor")
    assert await asyncio.to_thread(process.wait, 60) == 2
    told = crew.log(0)
    assert "the role observer lacks rights" in told
    assert f"WRITE TOPIC {space.login().topic('plans')}" in told
    assert "aoi topics apply" in told


async def test_roles_outlive_a_broker_that_is_away_for_20_seconds(
    make_broker: Callable[[], AbstractContextManager[Any]], tmp_path: Path
) -> None:
    with make_broker() as broker:
        broker.start()
        settings = broker.kafka()
        cluster.apply(settings)
        crew = Crew(settings, broker.credentials_dir, tmp_path)
        try:
            process = crew.start("observer", "compressor")
            async with producer(settings) as writer:
                for number in range(300):
                    await send(writer, settings, model_reply(number))
                    await send(writer, settings, telemetry(number, 0.3))
                await writer.flush()
            await asyncio.sleep(6)
            broker.stop()
            await asyncio.sleep(20)
            broker.start()
            async with producer(settings) as writer:
                for number in range(300, 600):
                    await send(writer, settings, model_reply(number))
                    await send(writer, settings, telemetry(number, 0.3))
                await writer.flush()
            # the test's own observations, and the compressor's
            seen = await until(crew, settings, topics.OBSERVATIONS, 300 + 600)
            assert len({event.id for event in seen}) == 300 + 600
            # the compressor may have written one twice; the observer reads each of its records
            total = 300 + len(seen)
            made = await until(crew, settings, topics.MODEL_REQUESTS, 300 + 900)
            assert_numbered(made)
            assert len(made) == total
            assert process.poll() is None, "the process should have gone on by itself"
        finally:
            crew.end()
