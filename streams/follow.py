"""Follows a one-partition topic from its beginning, without a group: broadcasts and the ledger.

Invariant: `start` returns only after everything that stood in the topic was handed on, in order,
each record once a process; `reach` only after a given offset was. A broker that is away is waited
for, and reading goes on behind the last record that was handed on.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.worker import Fatal
from streams import login
from streams.codec import Received, Record, Source
from streams.kafka_log import FORBIDDEN, MAX_REQUEST_BYTES
from streams.settings import KafkaSettings
from streams.topic import Topic

POLL_MS = 500
FETCH_WAIT_MS = 100
PAUSE_S = 1.0

log = structlog.get_logger(__name__)


class Follower:
    """One follower of one topic; `hand_on` is called for each record and must not block."""

    def __init__(
        self, settings: KafkaSettings, topic: Topic, hand_on: Callable[[Received], None]
    ) -> None:
        if topic.partitions != 1:
            raise ValueError(f"expected one partition of {topic.name}, got {topic.partitions}")
        self._settings = settings
        self._topic = topic
        self._place = TopicPartition(settings.topic(topic.name), 0)
        self._hand_on = hand_on
        self._next = 0
        self._consumer: AIOKafkaConsumer | None = None
        self._moved = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._waking: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Begin, and return when the present end was reached. Raises Fatal."""
        self._task = asyncio.create_task(self._run(), name=f"follow {self._topic.name}")
        self._task.add_done_callback(self._ended)
        await self.reach_end()

    async def close(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, Fatal):
                await self._task

    async def reach(self, offset: int) -> None:
        """Return when the record at this offset was handed on. Raises Fatal."""
        await self._until(lambda: self._next > offset)

    async def reach_end(self) -> None:
        """Ask where the end is now, and return when everything before it was handed on."""
        while True:
            await self._until(lambda: self._consumer is not None)
            consumer = self._consumer
            if consumer is None:
                continue
            try:
                ends = await consumer.end_offsets([self._place])
            except FORBIDDEN as error:
                raise self._forbidden(error) from error
            except (KafkaError, OSError) as error:
                log.warning("asking again", topic=self._topic.name, error=repr(error)[:300])
                await asyncio.sleep(PAUSE_S)
            else:
                await self.reach(ends[self._place] - 1)
                return

    async def _until(self, reached: Callable[[], bool]) -> None:
        task = self._task
        if task is None:
            raise Fatal(f"expected {self._topic.name} to be followed, it was not started")
        async with self._moved:
            await self._moved.wait_for(lambda: reached() or task.done())
        if task.done() and not reached():
            task.result()
            raise Fatal(f"{self._topic.name} is not followed any more")

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except FORBIDDEN as error:
                raise self._forbidden(error) from error
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("following again", topic=self._topic.name, error=repr(error)[:300])
                await asyncio.sleep(PAUSE_S)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # a waiting fetch holds up what is asked on the same connection: where the end is
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=4 * MAX_REQUEST_BYTES,
            **login.aiokafka(self._settings),
        )
        try:
            await consumer.start()
            consumer.assign([self._place])
            if self._next:
                consumer.seek(self._place, self._next)
            self._consumer = consumer
            await self._wake()
            while True:
                await self._turn(consumer)
        finally:
            self._consumer = None
            await asyncio.shield(consumer.stop())

    async def _turn(self, consumer: AIOKafkaConsumer) -> None:
        batch = await consumer.getmany(timeout_ms=POLL_MS)
        for record in batch.get(self._place, ()):
            self._hand_on(
                Received(
                    source=Source(self._topic.name, 0),
                    offset=record.offset,
                    record=Record(
                        key=record.key, value=record.value, headers=tuple(record.headers)
                    ),
                    timestamp=record.timestamp,
                )
            )
            self._next = record.offset + 1
        self._next = max(self._next, await consumer.position(self._place))
        await self._wake()

    def _forbidden(self, error: Exception) -> Fatal:
        return Fatal(f"may not read {self._place.topic}: {error!r}; run `aoi topics apply`")

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Wake who waits, so that it sees why the following ended."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("following ended", topic=self._topic.name, error=str(error))
        self._waking = asyncio.ensure_future(self._wake())

    async def _wake(self) -> None:
        async with self._moved:
            self._moved.notify_all()
