"""Following topics as an onlooker: every partition, no group, no trace on the broker.

Invariant: committed records only; a record that can't be decoded is skipped, never raised: an
onlooker must not be stopped by what a stranger wrote.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.contracts.envelope import Event
from agents.worker import Poison
from streams import login
from streams.codec import Received, Record, Source, decode
from streams.settings import KafkaSettings
from streams.topic import Topic

POLL_MS = 200
RETRY_MS = 500
PAUSE_SECONDS = 0.5
log = structlog.get_logger(__name__)


class Tail:
    """Follows some topics, from their present end by default.

    Use as `async with Tail(settings, topics) as tail: async for topic, event in tail`.
    """

    def __init__(
        self, settings: KafkaSettings, topics: Sequence[Topic], *, from_start: bool = False
    ) -> None:
        self._settings = settings
        self._topics = {settings.topic(topic.name): topic for topic in topics}
        self._consumer = AIOKafkaConsumer(
            **login.aiokafka(settings),
            retry_backoff_ms=RETRY_MS,
            enable_auto_commit=False,
            isolation_level="read_committed",
            # the first position of each partition; a seek beside it would race with it
            auto_offset_reset="earliest" if from_start else "latest",
        )

    async def __aenter__(self) -> Self:
        """Take the positions: what is written after this is seen."""
        partitions = [
            TopicPartition(name, number)
            for name, topic in self._topics.items()
            for number in range(topic.partitions)
        ]
        try:
            await self._consumer.start()
            self._consumer.assign(partitions)
            for partition in partitions:
                await self._consumer.position(partition)
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the connection go."""
        await self._consumer.stop()

    async def __aiter__(self) -> AsyncIterator[tuple[Topic, Event]]:
        """Yield topic and event for ever; a broker that is away is waited for."""
        while True:
            try:
                batches = await self._consumer.getmany(timeout_ms=POLL_MS)
            except KafkaError as error:
                log.warning("tail_waits", error=repr(error))
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            for place, records in batches.items():
                topic = self._topics[place.topic]
                for record in records:
                    received = Received(
                        source=Source(topic.name, place.partition),
                        offset=record.offset,
                        record=Record(
                            key=record.key, value=record.value, headers=tuple(record.headers)
                        ),
                        timestamp=record.timestamp,
                    )
                    event = _decoded(received, topic)
                    if event is not None:
                        yield topic, event


def _decoded(received: Received, topic: Topic) -> Event | None:
    try:
        return decode(received, topic.facts)
    except Poison as error:
        log.warning("tail_skips", topic=topic.name, offset=received.offset, reason=error.code)
        return None
