"""Hosts a worker: a task for each record, at most 64 of them, acknowledged when its outputs are.

Invariant: an offset is committed only after the outputs (or the dead letter) of its record and of
all before it were acknowledged by the broker. A record that is delivered again while its task
still runs starts no second one.
"""

import asyncio
import random
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

import structlog

from agents.contracts.envelope import Event
from agents.worker import Fatal, Worker, answered
from streams.acknowledgement import Acknowledgements
from streams.codec import Received, Source
from streams.guard import Guard
from streams.host import Commit, Stop, now
from streams.metrics import HANDLED, IN_FLIGHT, STEP_SECONDS, UNACKNOWLEDGED_SECONDS
from streams.publisher import Publisher
from streams.settings import KafkaSettings
from streams.wire import Outgoing, all_outgoing

LIMIT = 64
COMMIT_SECONDS = 1.0
REVOKED_SECONDS = 5.0
CLOSING_SECONDS = 20.0
LOST_AFTER = timedelta(minutes=1)

log = structlog.get_logger(__name__)


class WorkerHost:
    """One worker in one process; its ticker is the watchdog, too."""

    def __init__(
        self,
        worker: Worker,
        settings: KafkaSettings,
        *,
        limit: int = LIMIT,
        clock: Callable[[], datetime] = now,
        rng: random.Random | None = None,
        deadline: timedelta = LOST_AFTER,
    ) -> None:
        self.role = worker.role
        self._worker = worker
        self._clock = clock
        self._guard = Guard(role=worker.role, clock=clock)
        self._publisher = Publisher(settings, worker.role, rng or random.Random())  # noqa: S311 - jitter of waits
        self._room = asyncio.Semaphore(limit)
        self._acks = Acknowledgements()
        self._in_flight: dict[tuple[Source, int], asyncio.Task[None]] = {}
        self._waiting: set[tuple[Source, int]] = set()
        self._deadline = deadline.total_seconds()
        self._stop: Stop | None = None
        self._commit: Commit | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._assigned = False

    async def start(self, stop: Stop, commit: Commit) -> None:
        """Start committing every second."""
        self._stop, self._commit = stop, commit
        self._ticker = asyncio.create_task(self._tick(), name=f"{self.role}-commits")
        IN_FLIGHT.labels(role=str(self.role)).set_function(lambda: float(len(self._in_flight)))
        UNACKNOWLEDGED_SECONDS.labels(role=str(self.role)).set_function(self.oldest_seconds)

    async def take(self, received: Received) -> None:
        """Start a task for a record, waiting while 64 are under way."""
        place = (received.source, received.offset)
        self._acks.delivered(*place, time.monotonic())
        if place in self._in_flight:
            return
        self._waiting.add(place)
        await self._room.acquire()
        self._waiting.discard(place)
        task = asyncio.create_task(self._answer(received), name=f"{self.role} {place}")
        self._in_flight[place] = task
        task.add_done_callback(lambda _: self._landed(place))

    async def assigned(self, sources: Collection[Source]) -> None:  # noqa: ARG002 - all alike
        """Note that there is something to do."""
        self._assigned = True

    async def revoked(self, sources: Collection[Source]) -> None:
        """Give tasks five seconds to end, commit, forget; what goes on is delivered to another."""
        self._assigned = False
        await self._drain(REVOKED_SECONDS, set(sources))
        await self._commit_done()
        self._acks.forget(sources)

    async def close(self) -> None:
        """Give every task twenty seconds to end, commit, and let go."""
        await self._drain(CLOSING_SECONDS, None)
        await self._commit_done()
        if self._ticker is not None:
            self._ticker.cancel()
        left = list(self._in_flight.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._publisher.close()

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned."""
        return self._assigned

    def oldest_seconds(self) -> float:
        """Return the age of the oldest record that is not acknowledged."""
        return time.monotonic() - min(self._acks.unfinished().values(), default=time.monotonic())

    def lost(self, at: float) -> list[tuple[Source, int]]:
        """Return the records that came over a minute ago and that no task works on."""
        return [
            place
            for place, since in self._acks.unfinished().items()
            if at - since > self._deadline
            and place not in self._in_flight
            and place not in self._waiting
        ]

    async def _answer(self, received: Received) -> None:
        """Answer one record; acknowledge it only when everything was written."""
        begun = time.monotonic()
        try:
            await self._publisher.publish(await self._guard.answer(received, self._handle))
        except Exception as error:
            log.exception("stopping", role=self.role)
            await self._stop_with(error)
            return
        self._acks.done(received.source, received.offset)
        HANDLED.labels(role=str(self.role)).inc()
        STEP_SECONDS.labels(role=str(self.role)).observe(time.monotonic() - begun)

    async def _handle(self, event: Event) -> Sequence[Outgoing]:
        outputs = await self._worker.handle(event)
        return all_outgoing(answered(self.role, event, outputs, self._clock()))

    def _landed(self, place: tuple[Source, int]) -> None:
        self._in_flight.pop(place, None)
        self._room.release()

    async def _drain(self, seconds: float, sources: set[Source] | None) -> None:
        waiting = [
            task
            for (source, _), task in self._in_flight.items()
            if sources is None or source in sources
        ]
        if waiting:
            await asyncio.wait(waiting, timeout=seconds)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            try:
                await self._commit_done()
            except Exception as error:  # noqa: BLE001 - the next second tries again
                log.warning("could not commit", role=self.role, error=repr(error)[:500])
            lost = self.lost(time.monotonic())
            if lost:
                await self._stop_with(Fatal(f"{self.role}: nobody works on {lost[:3]}; restart"))
                return

    async def _stop_with(self, error: Exception) -> None:
        if self._stop is not None:
            await self._stop(error)

    async def _commit_done(self) -> None:
        offsets = self._acks.committable()
        if offsets and self._commit is not None and await self._commit(offsets):
            self._acks.committed(offsets)
