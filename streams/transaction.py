"""The one reducer runtime: a loop a partition number, and one Kafka transaction a batch.

    records -> [ Inbox ] -> [ Owner ] -> reduction.apply -> Log: begin, send.., offsets, commit
                               ^ after assignment, and after any failure: fence, restore

Invariant: states, outputs, input offsets and last applied offsets become visible together or not at
all. A commit whose end is unknown is settled by fencing and restoring anew, never by guessing; what
was fetched before the fence is dropped by its offset (`streams/reduction.py`).
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, Protocol

import structlog

from streams.codec import Received, Source
from streams.metrics import REDUCED, RESTARTS, STEP_SECONDS
from streams.reduction import Change, Reduction, S
from streams.wire import Outgoing

BATCH_RECORDS = 1000
# the largest records, a thousand of them, would outlast the transaction's 10 s
BATCH_BYTES = 4_000_000
BATCH_SECONDS = 0.020
GATHER_SECONDS = 0.002
INBOX_RECORDS = 10_000
QUIET_SECONDS = 1.0
CATCH_UP_SECONDS = 30.0
FENCED_PAUSE_S = 5.0
LONGEST_PAUSE_S = 5.0

log = structlog.get_logger(__name__)


class LogBroken(Exception):
    """The log did not answer; whether the last commit took place is unknown."""


class LogFenced(LogBroken):
    """Another owner has the partition, or the broker gave our transaction up."""


class Log(Protocol):
    """What a partition's owner needs of Kafka. Every call may raise LogBroken or Fatal."""

    async def fence(self) -> None:
        """Shut out the former owner and settle its last transaction."""
        ...

    async def restore(self) -> Mapping[bytes, bytes]:
        """Return the latest committed value of each key of the state partition."""
        ...

    async def begin(self) -> None:
        """Open a transaction."""
        ...

    async def send(self, records: Iterable[Outgoing]) -> None:
        """Write records in the open transaction."""
        ...

    async def advance(self, offsets: Mapping[Source, int]) -> None:
        """Write the group's next offsets in the open transaction."""
        ...

    async def commit(self) -> None:
        """Make the transaction visible as a whole."""
        ...

    async def close(self) -> None:
        """Let the connection go; an open transaction is left to the next owner's fence."""
        ...


class Owner(Generic[S]):
    """One owner of one partition number, who may be a zombie without knowing it."""

    def __init__(self, reduction: Reduction[S], log_: Log) -> None:
        self.reduction = reduction
        self._log = log_

    async def open(self) -> None:
        """Fence, then restore: in this order, or a former owner's last commit would be missed."""
        await self._log.fence()
        self.reduction.restore(await self._log.restore())

    async def turn(self, batch: Iterable[Received], now: datetime, *, fire: bool) -> Change[S]:
        """Apply a batch and commit what it changes; nothing is kept unless the commit came back."""
        change = self.reduction.apply(batch, now, fire=fire)
        if change:
            await self._log.begin()
            await self._log.send(self.reduction.records(change))
            if change.applied:
                await self._log.advance(self.reduction.offsets(change))
            await self._log.commit()
            self.reduction.accept(change)
        return change

    async def close(self) -> None:
        """Let the log go."""
        await self._log.close()


class Inbox:
    """Records on their way to one loop; a full inbox makes the feeding agent wait."""

    def __init__(self, limit: int = INBOX_RECORDS) -> None:
        self._records: deque[Received] = deque()
        self._limit = limit
        self._bytes = 0
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._closed = False

    def close(self) -> None:
        """Take no more; whoever waits for room goes on, its record is dropped."""
        self._closed = True
        self._drained.set()

    async def put(self, received: Received) -> None:
        """Add a record, waiting while there is no room."""
        while len(self._records) >= self._limit and not self._closed:
            self._drained.clear()
            await self._drained.wait()
        if self._closed:
            return
        self._records.append(received)
        self._bytes += _size(received)
        self._filled.set()

    async def wait(self, seconds: float | None) -> bool:
        """Wait for a record, at most so long; whether there is one."""
        try:
            async with asyncio.timeout(seconds):
                await self._filled.wait()
        except TimeoutError:
            return False
        return True

    async def gather(self) -> list[Received]:
        """Return what came within 20 ms; a pause of 2 ms ends it early.

        At most 1,000 records and 4 MB, though always the first.
        """
        end = time.monotonic() + BATCH_SECONDS
        known = -1
        while (
            known < len(self._records) < BATCH_RECORDS
            and self._bytes < BATCH_BYTES
            and time.monotonic() < end
        ):
            known = len(self._records)
            await asyncio.sleep(GATHER_SECONDS)
        taken = self._take()
        if not self._records:
            self._filled.clear()
        self._drained.set()
        return taken

    def _take(self) -> list[Received]:
        taken: list[Received] = []
        room = BATCH_BYTES
        while self._records and len(taken) < BATCH_RECORDS:
            size = _size(self._records[0])
            if taken and size > room:
                break
            taken.append(self._records.popleft())
            room -= size
        self._bytes -= BATCH_BYTES - room
        return taken

    def __len__(self) -> int:
        return len(self._records)


def _size(received: Received) -> int:
    """Return a record's bytes: key, value and headers."""
    record = received.record
    headers = sum(len(name) + len(content) for name, content in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


class PartitionLoop(Generic[S]):
    """Feeds one owner for as long as the partition is ours, through any trouble with the log.

    Timers wait after each restoring until the inputs were quiet for a second (or 30 s have passed):
    an answer that already stands in a topic must not lose against its own expiry.
    """

    def __init__(
        self,
        reduction: Reduction[S],
        open_log: Callable[[], Log],
        clock: Callable[[], datetime],
        rng: random.Random,
    ) -> None:
        self.inbox = Inbox()
        self.ready = asyncio.Event()
        self.failures = 0
        self._reduction = reduction
        self._open_log = open_log
        self._clock = clock
        self._rng = rng
        self._taken: list[Received] = []
        self._labels = {"role": str(reduction.reducer.role)}

    async def run(self) -> None:
        """Run until cancelled. Raises Fatal; other trouble is met by fencing and restoring."""
        while True:
            owner = Owner(self._reduction, self._open_log())
            try:
                await owner.open()
                self.ready.set()
                self.failures = 0
                await self._turns(owner)
            except LogBroken as error:
                self.ready.clear()
                self.failures += 1
                RESTARTS.labels(**self._labels).inc()
                pause = self._pause(error)
                log.warning(
                    "the log broke; fencing and restoring",
                    role=self._reduction.reducer.role,
                    partition=self._reduction.partition,
                    error=repr(error)[:500],
                    pause_seconds=round(pause, 2),
                )
                await asyncio.sleep(pause)
            finally:
                self.ready.clear()
                await owner.close()

    async def _turns(self, owner: Owner[S]) -> None:
        quiet_at = time.monotonic()
        caught_up = False
        while True:
            if not self._taken:
                came = await self.inbox.wait(self._until_due() if caught_up else QUIET_SECONDS)
                caught_up = caught_up or not came
                self._taken = await self.inbox.gather() if came else []
            begun = time.monotonic()
            fire = (caught_up and not len(self.inbox)) or begun - quiet_at > CATCH_UP_SECONDS
            quiet_at = begun if fire else quiet_at
            change = await owner.turn(self._taken, self._clock(), fire=fire)
            self._taken = []
            if change:
                STEP_SECONDS.labels(**self._labels).observe(time.monotonic() - begun)
                REDUCED.labels(**self._labels).inc(change.events)

    def _until_due(self) -> float | None:
        due = self._reduction.next_due()
        return None if due is None else max(0.0, (due - self._clock()).total_seconds())

    def _pause(self, error: LogBroken) -> float:
        """Return the wait in seconds; after being fenced it outlasts the news of a rebalance.

        Were we a zombie, this loop is cancelled meanwhile and the true owner is left in peace.
        """
        if isinstance(error, LogFenced):
            return FENCED_PAUSE_S
        longest = min(LONGEST_PAUSE_S, 0.1 * float(2 ** min(self.failures, 10)))
        return longest * self._rng.uniform(0.5, 1.0)


AnyLoop = PartitionLoop[Any]
