"""`Log` over Kafka: an aiokafka transactional producer, and a reader of the state partition.

Invariant: any Kafka error is either Fatal (a right is missing) or LogBroken (settled by fencing and
restoring); none is swallowed. The producer is started anew for each fencing, never reused.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from agents.roles import Role
from agents.worker import Fatal
from streams import login
from streams.codec import Source
from streams.settings import KafkaSettings
from streams.topic import MAX_RECORD_BYTES
from streams.topics import STATES
from streams.transaction import LogBroken, LogFenced
from streams.wire import Outgoing

# a record with its headers; the topics' max.message.bytes allows as much
MAX_REQUEST_BYTES = MAX_RECORD_BYTES + 65_536
# a stopped owner blocks readers of its open transaction for this long, at most
TRANSACTION_TIMEOUT_MS = 10_000
CALL_TIMEOUT_S = 20.0
CLOSE_TIMEOUT_S = 2.0
READ_TIMEOUT_MS = 500

FORBIDDEN = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)


class KafkaLog:
    """The log of one partition number of a reducer."""

    def __init__(self, settings: KafkaSettings, role: Role, partition: int) -> None:
        self._settings = settings
        self._role = role
        self._state = TopicPartition(settings.topic(STATES[role].name), partition)
        self._partition = partition
        self._producer: AIOKafkaProducer | None = None

    async def fence(self) -> None:
        """Start the transactional producer; the broker ends what the former one left open."""
        self._producer = AIOKafkaProducer(
            transactional_id=self._settings.transactional_id(self._role, self._partition),
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            max_request_size=MAX_REQUEST_BYTES,
            max_batch_size=65_536,
            **login.aiokafka(self._settings),
        )
        async with settled("start a transaction"):
            await self._producer.start()

    async def restore(self) -> Mapping[bytes, bytes]:
        """Read the state partition, committed records only, to its end."""
        consumer = AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            max_partition_fetch_bytes=4 * MAX_REQUEST_BYTES,
            **login.aiokafka(self._settings),
        )
        async with settled("read the state"):
            try:
                await consumer.start()
                return await self._read(consumer)
            finally:
                await asyncio.shield(consumer.stop())

    async def begin(self) -> None:
        """Open a transaction."""
        async with settled("begin"):
            await self._started().begin_transaction()

    async def send(self, records: Iterable[Outgoing]) -> None:
        """Write records and wait until the broker has all of them."""
        async with settled("write"):
            sent = [
                await self._started().send(
                    self._settings.topic(one.topic),
                    key=one.record.key,
                    value=one.record.value,
                    headers=list(one.record.headers),
                    partition=one.partition,
                )
                for one in records
            ]
            await asyncio.gather(*sent)

    async def advance(self, offsets: Mapping[Source, int]) -> None:
        """Write the group's offsets into the transaction."""
        places = {
            TopicPartition(self._settings.topic(source.topic), source.partition): offset
            for source, offset in offsets.items()
        }
        async with settled("write offsets"):
            group = self._settings.group(self._role)
            await self._started().send_offsets_to_transaction(places, group)

    async def commit(self) -> None:
        """Commit."""
        async with settled("commit"):
            await self._started().commit_transaction()

    async def close(self) -> None:
        """Drop the producer; the broker or the next owner ends its transaction."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await stopped(producer)

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise LogBroken("expected a fenced log, got a closed one")
        return self._producer

    async def _read(self, consumer: AIOKafkaConsumer) -> dict[bytes, bytes]:
        consumer.assign([self._state])
        await consumer.seek_to_beginning(self._state)
        end = (await consumer.end_offsets([self._state]))[self._state]
        latest: dict[bytes, bytes] = {}
        while await consumer.position(self._state) < end:
            for records in (await consumer.getmany(timeout_ms=READ_TIMEOUT_MS)).values():
                for record in records:
                    if record.value is None:
                        latest.pop(record.key, None)
                    else:
                        latest[record.key] = record.value
        return latest


async def stopped(producer: AIOKafkaProducer) -> None:
    """Stop a producer, giving up after two seconds: with the broker away it would wait for it."""
    stop = asyncio.ensure_future(producer.stop())
    with suppress(KafkaError, TimeoutError):
        await asyncio.wait_for(asyncio.shield(stop), CLOSE_TIMEOUT_S)
    if not stop.done():
        stop.cancel()
    with suppress(KafkaError, asyncio.CancelledError):
        await stop


@asynccontextmanager
async def settled(doing: str) -> AsyncIterator[None]:
    """Turn what Kafka raises into LogBroken, LogFenced or Fatal, and bound the wait."""
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            yield
    except FORBIDDEN as error:
        raise Fatal(
            f"Kafka refused to {doing}: {error!r}. Run `aoi topics apply`, which sets the rights"
        ) from error
    except ProducerFenced as error:
        raise LogFenced(f"could not {doing}: another owner has the partition") from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise LogBroken(f"could not {doing}: {error!r}") from error
