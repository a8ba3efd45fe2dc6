"""What the learner publishes, each fact once: one transaction a call, deduplicated by id.

    start: fence -> publish: read guidance and models to their ends -> sift -> one transaction

Invariant: a batch becomes visible as a whole or not at all, and a batch that is published again
after a crash, however often, adds nothing that was there. Starting shuts out whoever published
before, whose later calls fail with Fatal and write nothing.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer

from agents.contracts.envelope import Event
from agents.contracts.ids import EventId
from agents.worker import Fatal, Poison, Transient
from streams import login, topics
from streams.codec import EPOCH, Received, decode
from streams.history import HistoryUnavailable, history
from streams.kafka_log import MAX_REQUEST_BYTES, TRANSACTION_TIMEOUT_MS, settled, stopped
from streams.settings import KafkaSettings
from streams.topic import Topic
from streams.topics import BY_NAME
from streams.transaction import LogBroken, LogFenced
from streams.wire import Outgoing, all_outgoing

Key = tuple[str, str]
"""A topic's name in the registry and a record's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What became of a batch. superseded: a newer fact of the same key stands in its place."""

    written: tuple[EventId, ...] = ()
    already: tuple[EventId, ...] = ()
    superseded: tuple[EventId, ...] = ()


@dataclass(frozen=True, slots=True)
class Latest:
    """What a topic says of a key now; `id` None is a tombstone."""

    id: EventId | None
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the topics hold: every id that compaction has left, and the latest of each key."""

    ids: frozenset[EventId]
    latest: Mapping[Key, Latest]


def sift(events: Sequence[Event], standing: Standing) -> tuple[list[Event], Published]:
    """Return the events to write, and what becomes of all if they are written.

    Compaction leaves the latest fact of a key, so a missing id may have been published and replaced
    since. It was when the key's latest stands behind it in this batch (batches are whole, their
    order is the order of the topic), or comes from elsewhere and is later by `ce_time`. This rests
    on a key's facts being published in the order of their times.
    """
    places = {event.id: place for place, event in enumerate(events)}
    fresh: dict[EventId, Event] = {}
    already: dict[EventId, None] = {}
    superseded: dict[EventId, None] = {}
    for place, event in enumerate(events):
        latest = [
            standing.latest[key]
            for topic in topics.route(event.fact)
            if (key := (topic.name, event.key)) in standing.latest
        ]
        if event.id in standing.ids:
            already[event.id] = None
        elif any(_replaces(one, event, place, places) for one in latest):
            superseded[event.id] = None
        else:
            fresh.setdefault(event.id, event)
    told = Published(written=tuple(fresh), already=tuple(already), superseded=tuple(superseded))
    return list(fresh.values()), told


def _replaces(latest: Latest, event: Event, place: int, places: Mapping[EventId, int]) -> bool:
    if latest.id is not None and latest.id in places:
        return places[latest.id] > place
    return latest.time > event.time


class Outbox:
    """The learner's way into Kafka; one event loop's, from `start` to `close`.

    It may be used as a context. `publish` starts it where nobody has.
    """

    def __init__(self, settings: KafkaSettings, user: str = "learner") -> None:
        self._settings = settings
        self._user = user
        self._producer: AIOKafkaProducer | None = None
        self._fenced = False

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Shut out a former publisher and settle its last transaction. Raises Fatal, Transient."""
        await self._ready()

    async def publish(self, events: Sequence[Event]) -> Published:
        """Write what is not there yet, all of it in one transaction.

        Only broadcast topics (one partition, read to the end here) can be published to: ValueError
        else. Raises Poison for what can't be encoded; Transient when Kafka stayed away, then the
        same call may be repeated; Fatal for a missing right or when another learner took over.
        """
        targets = _targets(events)
        if not events:
            return Published()
        producer = await self._ready()
        try:
            fresh, told = sift(events, await self._standing(targets))
            if fresh:
                await self._transaction(producer, all_outgoing(fresh))
        except HistoryUnavailable as error:
            raise Transient(str(error)) from error
        except LogFenced as error:
            self._fenced = True
            await self.close()
            raise self._taken_over() from error
        except LogBroken as error:
            await self.close()
            raise Transient(f"nothing was published, or all of it: {error}; repeat it") from error
        return told

    async def close(self) -> None:
        """Let the producer go; a transaction that is open is ended by the next start."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await stopped(producer)

    async def _ready(self) -> AIOKafkaProducer:
        if self._fenced:
            raise self._taken_over()
        if self._producer is None:
            producer = AIOKafkaProducer(
                transactional_id=self._settings.transactional_id(self._user, 0),
                transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
                max_request_size=MAX_REQUEST_BYTES,
                **login.aiokafka(self._settings),
            )
            try:
                async with settled("start publishing"):
                    await producer.start()
            except LogBroken as error:
                await stopped(producer)
                raise Transient(str(error)) from error
            except BaseException:
                await stopped(producer)
                raise
            self._producer = producer
        return self._producer

    async def _standing(self, targets: Iterable[Topic]) -> Standing:
        """Read the topics to their ends, our own last transaction included: nobody else adds."""
        ids: set[EventId] = set()
        latest: dict[Key, Latest] = {}
        async for received in history(self._settings, targets, settled=True):
            place = (received.source.topic, (received.record.key or b"").decode(errors="replace"))
            one = _latest(received)
            if one is not None:
                latest[place] = one
                if one.id is not None:
                    ids.add(one.id)
        return Standing(ids=frozenset(ids), latest=latest)

    async def _transaction(self, producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> None:
        async with settled("publish"), producer.transaction():
            sent = [
                await producer.send(
                    self._settings.topic(one.topic),
                    key=one.record.key,
                    value=one.record.value,
                    headers=list(one.record.headers),
                    partition=one.partition,
                )
                for one in records
            ]
            await asyncio.gather(*sent)

    def _taken_over(self) -> Fatal:
        return Fatal(
            f"another process publishes as {self._user}, or this one's transaction took over "
            f"{TRANSACTION_TIMEOUT_MS // 1000} s; nothing was written. Keep one learner alive"
        )


def _targets(events: Sequence[Event]) -> list[Topic]:
    targets = {topic.name: topic for event in events for topic in topics.route(event.fact)}
    wide = [topic.name for topic in targets.values() if topic.partitions != 1]
    if wide:
        raise ValueError(f"expected facts of broadcast topics, got facts of {wide}")
    return list(targets.values())


def _latest(received: Received) -> Latest | None:
    """Return what a record says of its key; None for one that can't be read."""
    if received.record.value is None:
        return Latest(None, EPOCH + timedelta(milliseconds=received.timestamp))
    try:
        event = decode(received, BY_NAME[received.source.topic].facts)
    except Poison:
        return None
    return Latest(event.id, event.time)
