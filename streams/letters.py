"""Reading dead letters, and settling them: replayed or dropped by an operator.

Invariant: a replay sends only bytes that still stand at the letter's place in its source topic,
with the rights of a user who may write there; letters themselves are never altered. What is settled
is kept as the committed offset, and its metadata, of the operator's group; Kafka forgets these
after its offsets.retention (7 days without a command), and the letters count as open again.
"""

import asyncio
import base64
from binascii import Error as NotBase64
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
)
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from agents.contracts.audit import DeadLettered
from agents.worker import AoiError
from streams import history, login, ranges
from streams.codec import Record
from streams.deadletter import MAX_KEPT_BYTES
from streams.settings import KafkaSettings
from streams.topic import MAX_RECORD_BYTES, Outsider, User
from streams.topics import BY_NAME, DEADLETTERS

READ_SECONDS = 10.0
METADATA_CHARS = 4096
ONLY = 0
NOT_YET = (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)


class ReplayRefused(AoiError):
    """The letter can't be replayed; the message says why and what can be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter under its number: its offset in the topic of letters."""

    number: int
    time: datetime
    fact: DeadLettered
    settled: bool


async def letters(settings: KafkaSettings) -> list[Letter]:
    """Return every letter, oldest first. Raises `HistoryUnavailable`."""
    settled = await _settled(settings)
    if settled:
        await _commit(settings, settled)
    return [
        Letter(
            number=received.offset,
            time=event.time,
            fact=event.fact,
            settled=received.offset in settled,
        )
        async for received, event in history.events(settings, [DEADLETTERS])
        if isinstance(event.fact, DeadLettered)
    ]


async def settle(settings: KafkaSettings, numbers: Iterable[int]) -> None:
    """Count letters as done."""
    await _commit(settings, await _settled(settings) | set(numbers))


def writer_of(letter: Letter) -> User:
    """Return the user as whom a letter is replayed: the first that may write to its topic."""
    return BY_NAME[_source(letter).topic].writers[0]


async def replay(letter: Letter, login_of: Callable[[str], KafkaSettings]) -> Record:
    """Send a letter's original record again and return it. Raises `ReplayRefused`.

    `login_of` gives the login of a user: the role that gave the record up reads the original, the
    topic's first writer sends it.
    """
    source = _source(letter)
    original = await _original(login_of(letter.fact.role), source)
    if not _equal(original, letter.fact):
        raise ReplayRefused(
            f"letter {letter.number}: what stands at {source.topic}/{source.partition}/"
            f"{source.offset} is not what the letter holds, so nothing was sent"
        )
    writer = login_of(str(writer_of(letter)))
    producer = AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        max_request_size=2 * MAX_RECORD_BYTES,
        **login.aiokafka(writer),
    )
    try:
        await producer.start()
        await producer.send_and_wait(
            writer.topic(source.topic),
            original.value,
            key=original.key,
            partition=source.partition,
            headers=list(original.headers),
        )
    except KafkaError as error:
        raise ReplayRefused(
            f"letter {letter.number}: {writer.username} could not send: {error!r}"
        ) from error
    finally:
        await producer.stop()
    return original


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    topic: str
    partition: int
    offset: int


def _source(letter: Letter) -> _Place:
    fact = letter.fact
    if fact.source_topic not in BY_NAME or fact.partition < 0:
        raise ReplayRefused(
            f"letter {letter.number} came over {fact.source_topic}, not from a topic: see it with "
            f"`aoi dlq show {letter.number} --raw`, mend it, and send it with `aoi alerts send`"
        )
    return _Place(topic=fact.source_topic, partition=fact.partition, offset=fact.offset)


def _equal(original: Record, fact: DeadLettered) -> bool:
    try:
        value = base64.b64decode(fact.value, validate=True)
        key = None if fact.key is None else base64.b64decode(fact.key, validate=True)
        headers = tuple((name, base64.b64decode(text)) for name, text in fact.headers)
    except NotBase64:
        return False
    kept = (original.value or b"")[:MAX_KEPT_BYTES]
    same_headers = original.headers[: len(headers)] == headers
    return kept == value and original.key == key and same_headers


async def _original(settings: KafkaSettings, source: _Place) -> Record:
    place = TopicPartition(settings.topic(source.topic), source.partition)
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="none",
        **login.aiokafka(settings),
    )
    try:
        await consumer.start()
        consumer.assign([place])
        consumer.seek(place, source.offset)
        async with asyncio.timeout(READ_SECONDS):
            record = await consumer.getone(place)
    except (KafkaError, TimeoutError) as error:
        raise ReplayRefused(f"{source} can't be read any more: {error!r}") from error
    finally:
        await consumer.stop()
    if record.offset != source.offset:
        raise ReplayRefused(f"{source} is gone: the next record is {record.offset}")
    return Record(key=record.key, value=record.value, headers=tuple(record.headers))


def _group(settings: KafkaSettings) -> str:
    return f"{settings.group(Outsider.OPERATOR)}-dlq"


async def _settled(settings: KafkaSettings) -> frozenset[int]:
    place = TopicPartition(settings.topic(DEADLETTERS.name), ONLY)
    admin = AIOKafkaAdminClient(**login.aiokafka(settings))
    try:
        await admin.start()
        kept = await _offsets(admin, _group(settings), place)
    except (KafkaError, OSError) as error:
        raise history.HistoryUnavailable(f"could not read what is settled: {error!r}") from error
    finally:
        await admin.close()
    known = kept.get(place)
    if known is None or known.offset < 0:
        return frozenset()
    return frozenset(range(known.offset)) | ranges.parse(known.metadata)


@retry(  # a broker that has just started looks for its groups first
    retry=retry_if_exception_type(NOT_YET),
    stop=stop_after_delay(READ_SECONDS),
    wait=wait_fixed(0.2),
    reraise=True,
)
async def _offsets(
    admin: AIOKafkaAdminClient, group: str, place: TopicPartition
) -> dict[TopicPartition, OffsetAndMetadata]:
    found: dict[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(
        group, partitions=[place]
    )
    return found


async def _commit(settings: KafkaSettings, settled: Collection[int]) -> None:
    first_open = next(number for number in range(len(settled) + 1) if number not in settled)
    metadata = ranges.told(number for number in settled if number > first_open)
    if len(metadata) > METADATA_CHARS:
        raise AoiError("too many letters are settled out of order: settle the oldest ones first")
    place = TopicPartition(settings.topic(DEADLETTERS.name), ONLY)
    consumer = AIOKafkaConsumer(
        group_id=_group(settings), enable_auto_commit=False, **login.aiokafka(settings)
    )
    try:
        await consumer.start()
        consumer.assign([place])
        await consumer.commit({place: OffsetAndMetadata(first_open, metadata)})
    except (KafkaError, OSError) as error:
        raise history.HistoryUnavailable(f"could not keep what is settled: {error!r}") from error
    finally:
        await consumer.stop()
