"""Hosts a reducer: one partition loop for each partition number that the app is assigned.

Invariant: all inputs of one partition number go to one loop, so its states see every event of their
keys; Faust commits nothing here, the loops' transactions do.
"""

import asyncio
import random
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

from agents.reducer import AnyReducer
from agents.worker import Fatal
from streams import topics
from streams.codec import Received, Source
from streams.host import Commit, Stop, now
from streams.kafka_log import KafkaLog
from streams.metrics import STATES
from streams.reduction import Reduction
from streams.settings import KafkaSettings
from streams.transaction import AnyLoop, Log, PartitionLoop

log = structlog.get_logger(__name__)


class ReducerHost:
    """One reducer in one process."""

    def __init__(
        self,
        reducer: AnyReducer,
        settings: KafkaSettings,
        *,
        clock: Callable[[], datetime] = now,
        rng: random.Random | None = None,
    ) -> None:
        self.role = reducer.role
        self._reducer = reducer
        self._settings = settings
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - jitter of waits, nothing else
        self._inputs = {topic.name for topic in topics.inputs(reducer.role)}
        self._loops: dict[int, AnyLoop] = {}
        self._reductions: dict[int, Reduction[Any]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._stop: Stop | None = None
        self._assigned = False

    async def start(self, stop: Stop, commit: Commit) -> None:  # noqa: ARG002 - transactions commit
        """Remember how to stop the process."""
        self._stop = stop
        STATES.labels(role=str(self.role)).set_function(self._remembered)

    async def take(self, received: Received) -> None:
        """Hand a record to its loop; one of a partition that is not ours any more is dropped."""
        loop = self._loops.get(received.source.partition)
        if loop is not None:
            await loop.inbox.put(received)

    async def assigned(self, sources: Collection[Source]) -> None:
        """Start a loop for each partition number. Stops the process without co-partitioning."""
        numbers = {source.partition for source in sources}
        missing = {Source(topic, number) for topic in self._inputs for number in numbers}
        missing -= set(sources)
        if missing and self._stop is not None:
            await self._stop(Fatal(f"{self.role}: expected equal partitions, lacking {missing}"))
            return
        for number in sorted(numbers):
            await self._end(number)
            self._begin(number)
        self._assigned = True

    async def revoked(self, sources: Collection[Source]) -> None:
        """End the loops; an open transaction is left to the next owner's fence."""
        self._assigned = False
        await asyncio.gather(*(self._end(number) for number in {s.partition for s in sources}))

    async def close(self) -> None:
        """End every loop."""
        await asyncio.gather(*(self._end(number) for number in list(self._loops)))

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned and every loop has restored its states."""
        return self._assigned and all(loop.ready.is_set() for loop in self._loops.values())

    def _begin(self, number: int) -> None:
        def open_log() -> Log:
            return KafkaLog(self._settings, self.role, number)

        reduction = Reduction(self._reducer, number)
        loop: AnyLoop = PartitionLoop(reduction, open_log, self._clock, self._rng)
        self._loops[number] = loop
        self._reductions[number] = reduction
        self._tasks[number] = asyncio.create_task(self._guarded(loop), name=f"{self.role}-{number}")

    async def _guarded(self, loop: AnyLoop) -> None:
        """Run a loop; whatever ends it but its own cancellation ends the process."""
        try:
            await loop.run()
        except Exception as error:
            log.exception("a partition loop ended", role=self.role)
            if self._stop is not None:
                await self._stop(error)

    async def _end(self, number: int) -> None:
        loop, task = self._loops.pop(number, None), self._tasks.pop(number, None)
        self._reductions.pop(number, None)
        if loop is None or task is None:
            return
        loop.inbox.close()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def _remembered(self) -> float:
        return float(sum(len(reduction.states) for reduction in self._reductions.values()))
