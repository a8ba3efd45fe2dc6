"""The idempotent producer of a worker: nothing is reported as sent before the broker said so.

Invariant: `publish` returns after every record was acknowledged by all in-sync replicas, or it
raises Fatal; while the broker is away it waits. A producer that met an error is replaced, because
an idempotent one can't go on after a lost sequence.
"""

import asyncio
import random
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.roles import Role
from agents.worker import Fatal, Transient
from streams import login
from streams.kafka_log import FORBIDDEN, MAX_REQUEST_BYTES, stopped
from streams.settings import KafkaSettings
from streams.wire import Outgoing

LONGEST_PAUSE_S = 5.0
SEND_TIMEOUT_S = 30.0

log = structlog.get_logger(__name__)


class Publisher:
    """Writes records as one role."""

    def __init__(self, settings: KafkaSettings, role: Role, rng: random.Random) -> None:
        self._settings = settings
        self._role = role
        self._rng = rng
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def publish(self, records: Sequence[Outgoing]) -> list[int]:
        """Write records, in order, until the broker has them all; their offsets. Raises Fatal."""
        tries = 0
        while True:
            producer: AIOKafkaProducer | None = None
            try:
                producer = await self._ready()
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    return await self._attempt(producer, records)
            except FORBIDDEN as error:
                raise self._forbidden(error) from error
            except (KafkaError, OSError, TimeoutError) as error:
                tries += 1
                log.warning(
                    "publishing again", role=self._role, tries=tries, error=repr(error)[:500]
                )
                await self._replace(producer)
                longest = min(LONGEST_PAUSE_S, 0.1 * float(2 ** min(tries, 10)))
                await asyncio.sleep(longest * self._rng.uniform(0.5, 1.0))

    async def once(self, records: Sequence[Outgoing]) -> list[int]:
        """Write records without a second producer's try; their offsets.

        Raises Fatal, or Transient: then nobody knows whether they were written.
        """
        producer: AIOKafkaProducer | None = None
        try:
            producer = await self._ready()
            async with asyncio.timeout(SEND_TIMEOUT_S):
                return await self._attempt(producer, records)
        except FORBIDDEN as error:
            raise self._forbidden(error) from error
        except (KafkaError, OSError, TimeoutError) as error:
            await self._replace(producer)
            raise Transient(f"{self._role} got no acknowledgement: {error!r}") from error

    async def _attempt(self, producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> list[int]:
        """Send all, then wait for all."""
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
        return [metadata.offset for metadata in await asyncio.gather(*sent)]

    async def close(self) -> None:
        """Stop the producer."""
        await self._replace(self._producer)

    async def _ready(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    enable_idempotence=True,
                    acks="all",
                    max_request_size=MAX_REQUEST_BYTES,
                    **login.aiokafka(self._settings),
                )
                try:
                    await producer.start()
                except BaseException:
                    await stopped(producer)
                    raise
                self._producer = producer
            return self._producer

    def _forbidden(self, error: Exception) -> Fatal:
        return Fatal(f"{self._role} may not write: {error!r}; run `aoi topics apply`")

    async def _replace(self, producer: AIOKafkaProducer | None) -> None:
        async with self._starting:
            if producer is not None and producer is self._producer:
                self._producer = None
                await stopped(producer)
