"""Where failures come from: the topic of failed trajectories, read by hand from the manifest.

Invariant: the source commits nothing. A batch tells the offsets behind it; they count once a
checkpoint holds them, so that a crash reads the same failures again and none is skipped. Offsets
that the log no longer has are an error, never a silent jump.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from agents.contracts.ids import EventId
from agents.contracts.trajectory import Outcome, TrajectoryRecord
from agents.worker import AoiError, Fatal, Poison, Transient
from streams import login
from streams.codec import Received, Record, Source, decode
from streams.settings import KafkaSettings
from streams.topic import Topic
from streams.topic_identity import identity
from streams.topics import TRAJECTORIES_FAILED

POLL_MS = 500
STALLED_POLLS = 60
FETCH_BYTES = 4 * 1_048_576
REMEDY = "`aoi learn reset` goes on with what is there"


class OffsetsGone(AoiError):
    """The log no longer holds what the manifest has not read yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed trajectory. id: `<incident>/<revision>`; cause: the event that carried it."""

    id: str
    cause: EventId
    record: TrajectoryRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What was read: failures not seen before, and the offsets behind everything that was read.

    topic_id: the broker's own id of the topic that was read, another one if it was made anew.
    repeats: records whose id was ingested before. unreadable: records that are no trajectory.
    """

    failures: tuple[Failure, ...]
    offsets: Mapping[int, int]
    topic_id: str | None = None
    repeats: int = 0
    unreadable: int = 0


class FailureSource(Protocol):
    """Gives failures from an offset on."""

    async def read(
        self,
        offsets: Mapping[int, int],
        known: frozenset[str],
        *,
        limit: int,
        topic_id: str | None = None,
    ) -> Batch:
        """Return at most `limit` failures that are not known; `topic_id` is of the offsets.

        Raises OffsetsGone, Transient.
        """
        ...


@dataclass(slots=True, kw_only=True)
class _Gathering:
    topic: Topic
    wanted: frozenset[Outcome]
    known: set[str]
    limit: int
    offsets: dict[int, int]
    failures: list[Failure] = field(default_factory=list)
    repeats: int = 0
    unreadable: int = 0

    def full(self) -> bool:
        return len(self.failures) >= self.limit

    def take(self, partition: int, record: ConsumerRecord) -> None:
        self.offsets[partition] = record.offset + 1
        received = Received(
            source=Source(self.topic.name, partition),
            offset=record.offset,
            record=Record(key=record.key, value=record.value, headers=tuple(record.headers)),
            timestamp=record.timestamp,
        )
        try:
            event = decode(received, self.topic.facts)
        except Poison:
            self.unreadable += 1
            return
        fact = event.fact
        if not isinstance(fact, TrajectoryRecord) or fact.outcome not in self.wanted:
            self.unreadable += 1
            return
        name = f"{fact.incident_id}/{fact.revision}"
        if name in self.known:
            self.repeats += 1
            return
        self.known.add(name)
        self.failures.append(Failure(id=name, cause=event.id, record=fact))


class KafkaSource:
    """A topic of trajectories, without a group: the failed ones, or all with these outcomes."""

    def __init__(
        self,
        settings: KafkaSettings,
        topic: Topic = TRAJECTORIES_FAILED,
        wanted: frozenset[Outcome] = frozenset({Outcome.FAILURE}),
    ) -> None:
        self._settings = settings
        self._topic, self._wanted = topic, wanted
        self._name = settings.topic(topic.name)

    async def read(
        self,
        offsets: Mapping[int, int],
        known: frozenset[str],
        *,
        limit: int,
        topic_id: str | None = None,
    ) -> Batch:
        """Return what stands behind the offsets now, at most `limit` failures.

        A partition without an offset is read from its beginning. Raises OffsetsGone (also when the
        topic is another than the offsets are of), Transient when the broker does not answer, Fatal
        without the right to read.
        """
        consumer = AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=FETCH_BYTES,
            **login.aiokafka(self._settings),
        )
        try:
            await consumer.start()
            actual = await asyncio.to_thread(identity, self._settings, self._name)
            if offsets and topic_id is not None and topic_id != actual:
                raise OffsetsGone(
                    f"expected {self._name} to be the topic that was read before ({topic_id}), it "
                    f"was made anew ({actual}); {REMEDY}"
                )
            return await self._read(consumer, offsets, known, limit, actual)
        except TopicAuthorizationFailedError as error:
            raise Fatal(f"may not read {self._name}: run `aoi topics apply`") from error
        except (KafkaError, OSError) as error:
            raise Transient(f"could not read {self._name}: {error!r}") from error
        finally:
            await consumer.stop()

    async def lag(self, offsets: Mapping[int, int]) -> int:
        """Return how many records stand behind the offsets. Raises Transient."""
        consumer = AIOKafkaConsumer(enable_auto_commit=False, **login.aiokafka(self._settings))
        try:
            await consumer.start()
            places = self._places()
            begins = await consumer.beginning_offsets(places)
            ends = await consumer.end_offsets(places)
        except (KafkaError, OSError) as error:
            raise Transient(f"could not ask for {self._name}: {error!r}") from error
        finally:
            await consumer.stop()
        return sum(
            max(0, ends[place] - offsets.get(place.partition, begins[place])) for place in places
        )

    def _places(self) -> list[TopicPartition]:
        return [TopicPartition(self._name, n) for n in range(self._topic.partitions)]

    async def _read(
        self,
        consumer: AIOKafkaConsumer,
        offsets: Mapping[int, int],
        known: frozenset[str],
        limit: int,
        topic_id: str,
    ) -> Batch:
        places = self._places()
        consumer.assign(places)
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        at = {place: offsets.get(place.partition, begins[place]) for place in places}
        for place, offset in at.items():
            if not begins[place] <= offset <= ends[place]:
                raise OffsetsGone(
                    f"expected {self._name} partition {place.partition} to hold offset {offset}, "
                    f"it holds {begins[place]} to {ends[place]}: the learner was away for longer "
                    f"than the topic is kept; {REMEDY}"
                )
            consumer.seek(place, offset)
        found = _Gathering(
            topic=self._topic,
            wanted=self._wanted,
            known=set(known),
            limit=limit,
            offsets={p.partition: at[p] for p in places},
        )
        await _drained(consumer, ends, found)
        return Batch(
            failures=tuple(found.failures),
            offsets=found.offsets,
            topic_id=topic_id,
            repeats=found.repeats,
            unreadable=found.unreadable,
        )


async def _drained(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], found: _Gathering
) -> None:
    """Take records until the ends are reached or enough failures are there."""
    waiting = {place for place in ends if found.offsets[place.partition] < ends[place]}
    before, stalled = dict(found.offsets), 0
    while waiting and not found.full():
        batches = await consumer.getmany(*waiting, timeout_ms=POLL_MS)
        for place, records in batches.items():
            for record in records:
                if found.full() or record.offset >= ends[place]:
                    break
                found.take(place.partition, record)
        for place in list(waiting):
            if not found.full():
                # transactions leave marks behind the last record, which are no records
                position = await consumer.position(place)
                at = found.offsets[place.partition]
                found.offsets[place.partition] = max(at, min(position, ends[place]))
            if found.offsets[place.partition] >= ends[place]:
                waiting.discard(place)
        stalled = stalled + 1 if found.offsets == before else 0
        before = dict(found.offsets)
        if stalled >= STALLED_POLLS:
            raise Transient(f"no answer for partitions {sorted(p.partition for p in waiting)}")
