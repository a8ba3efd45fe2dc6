"""Bounded reading: what some topics hold now, read to the ends that they had when it began.

Invariant: it ends. The end offsets are taken once; records written later are not seen, and a busy
topic can't hold the reader. Committed records only, no group, nothing left on the broker.
"""

from collections.abc import AsyncIterator, Iterable, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from agents.contracts.envelope import Event
from agents.worker import AoiError, Poison
from streams import login
from streams.codec import Received, Record, Source, decode
from streams.partitioner import partition_of
from streams.settings import KafkaSettings
from streams.topic import ALL_USERS, MAX_RECORD_BYTES, Topic, Visibility
from streams.topics import BY_NAME

POLL_MS = 500
FETCH_BYTES = 4 * MAX_RECORD_BYTES
STALLED_POLLS = 40


class HistoryUnavailable(AoiError):
    """The topics could not be read to their ends."""


class HistoryForbidden(HistoryUnavailable):
    """The user may not read one of the topics."""


def readable(settings: KafkaSettings, topics: Iterable[Topic]) -> tuple[Topic, ...]:
    """Return the topics that the registry lets this user read; a user of another name tries all."""
    users = {str(user) for user in ALL_USERS}
    if settings.username not in users:
        return tuple(topics)
    return tuple(topic for topic in topics if settings.username in map(str, topic.readers))


async def history(
    settings: KafkaSettings,
    topics: Iterable[Topic],
    *,
    keys: Mapping[str, str] | None = None,
    settled: bool = False,
) -> AsyncIterator[Received]:
    """Yield every record, in order within a partition.

    settled: wait for what is written and not yet decided. The broker answers a commit before its
    marks are in the partitions, so without this a writer's own last transaction may be missed.
    `keys` maps a topic's name to the one key of interest, so that only its partition is read; for
    topics that outsiders write it is ignored, since their partitioner may be another.
    Raises `HistoryUnavailable`.
    """
    names = {settings.topic(topic.name): topic for topic in topics}
    partitions = [
        TopicPartition(name, number)
        for name, topic in names.items()
        for number in _numbers(topic, (keys or {}).get(topic.name))
    ]
    if not partitions:
        return
    consumer = AIOKafkaConsumer(
        isolation_level="read_committed",
        enable_auto_commit=False,
        # a seek_to_beginning would race with the reset to the default, which is the end
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        **login.aiokafka(settings),
    )
    try:
        await consumer.start()
        consumer.assign(partitions)
        ends = await _ends(settings, partitions) if settled else None
        async for received in _to_the_end(consumer, partitions, names, ends):
            yield received
    except TopicAuthorizationFailedError as error:
        raise HistoryForbidden(
            f"{settings.username} may not read {', '.join(map(str, error.args))}: see `aoi topics`"
        ) from error
    except (KafkaError, OSError) as error:
        raise HistoryUnavailable(f"could not read {settings.bootstrap}: {error!r}") from error
    finally:
        await consumer.stop()


async def events(
    settings: KafkaSettings,
    topics: Iterable[Topic],
    *,
    keys: Mapping[str, str] | None = None,
    mentioning: str | None = None,
    settled: bool = False,
) -> AsyncIterator[tuple[Received, Event]]:
    """Yield the records that can be decoded; `mentioning` drops those without that text unread."""
    wanted = None if mentioning is None else mentioning.encode()
    async for received in history(settings, topics, keys=keys, settled=settled):
        if wanted is not None and not _mentions(received.record, wanted):
            continue
        try:
            yield received, decode(received, BY_NAME[received.source.topic].facts)
        except Poison:
            continue


async def _to_the_end(
    consumer: AIOKafkaConsumer,
    partitions: list[TopicPartition],
    names: Mapping[str, Topic],
    ends: Mapping[TopicPartition, int] | None,
) -> AsyncIterator[Received]:
    if ends is None:
        ends = await consumer.end_offsets(partitions)
    waiting, stalled = set(partitions), 0
    while waiting:
        batches = await consumer.getmany(*waiting, timeout_ms=POLL_MS)
        for place, records in batches.items():
            for record in records:
                if record.offset < ends[place]:
                    yield _received(names[place.topic].name, record)
        passed = {place for place in waiting if await consumer.position(place) >= ends[place]}
        stalled = 0 if batches or passed else stalled + 1
        if stalled >= STALLED_POLLS:
            raise HistoryUnavailable(f"no answer for {sorted(place.topic for place in waiting)}")
        waiting -= passed
        consumer.pause(*passed)


async def _ends(
    settings: KafkaSettings, partitions: list[TopicPartition]
) -> Mapping[TopicPartition, int]:
    """Return the ends with what is undecided; a reader of committed records is told less."""
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **login.aiokafka(settings))
    try:
        await consumer.start()
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return ends
    finally:
        await consumer.stop()


def _numbers(topic: Topic, key: str | None) -> Iterable[int]:
    if key is None or topic.visibility is Visibility.PUBLIC_IN:
        return range(topic.partitions)
    return (partition_of(key.encode(), topic.partitions),)


def _mentions(record: Record, wanted: bytes) -> bool:
    if wanted in (record.key or b"") or wanted in (record.value or b""):
        return True
    return any(wanted in content for _, content in record.headers)


def _received(topic: str, record: ConsumerRecord) -> Received:
    return Received(
        source=Source(topic, record.partition),
        offset=record.offset,
        record=Record(
            key=record.key,
            value=record.value,
            headers=tuple(record.headers),
        ),
        timestamp=record.timestamp,
    )
