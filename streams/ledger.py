"""The executor's ledger on Kafka.

Invariant: of all intents for one approval the first in the one-partition `ledger` topic is the
first for every reader, since `intend` answers only after it has read the topic up to its own
record. What can't be read there stops the process: a ledger with holes forbids nothing.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime

from agents.contracts.envelope import Event
from agents.contracts.execution import ActIntended, ActSettled
from agents.contracts.ids import ApprovalId, EventId, IncidentId, derive, event_id
from agents.executor.breaker import is_bad
from agents.executor.ledger import GIVEN_UP, Claim
from agents.roles import Role
from agents.worker import Fatal, Poison, Transient
from streams import topics
from streams.codec import Received, decode
from streams.follow import Follower
from streams.publisher import Publisher
from streams.settings import KafkaSettings
from streams.wire import outgoing

ANSWER_SECONDS = 10.0
SOURCE = f"aoi/{Role.EXECUTOR}"


@dataclass(frozen=True, slots=True)
class First:
    """The first intent of an approval, and when it was written."""

    intent: ActIntended
    at: datetime


class LedgerIndex:
    """What the ledger says so far, record by record in its order."""

    def __init__(self) -> None:
        self.first: dict[ApprovalId, First] = {}
        self.settled: dict[ApprovalId, ActSettled] = {}
        self.settled_at: dict[ApprovalId, datetime] = {}

    def take(self, received: Received) -> None:
        """Apply the next record. Raises Fatal for one that can't be read."""
        try:
            event = decode(received, topics.LEDGER.facts)
        except Poison as error:
            raise Fatal(f"the ledger can't be read at offset {received.offset}: {error}") from error
        match event.fact:
            case ActIntended() as intent:
                self.first.setdefault(intent.approval_id, First(intent, event.time))
            case ActSettled() as settled if self._counts(settled):
                self.settled[settled.approval_id] = settled
                self.settled_at[settled.approval_id] = event.time

    def claim(self, approval_id: ApprovalId, attempt: str | None = None) -> Claim | None:
        """Return what is known of an approval; `first` only for the attempt that was first."""
        first = self.first.get(approval_id)
        if first is None:
            return None
        return Claim(first=first.intent.attempt == attempt, settled=self.settled.get(approval_id))

    def acts_since(self, when: datetime, incident_id: IncidentId | None = None) -> int:
        """Count first intents written since then, of one incident or of all."""
        return sum(
            first.at >= when and incident_id in (None, first.intent.incident_id)
            for first in self.first.values()
        )

    def failures(self) -> tuple[datetime, ...]:
        """Return when acts ended badly."""
        return tuple(self.settled_at[name] for name, one in self.settled.items() if is_bad(one))

    def _counts(self, settled: ActSettled) -> bool:
        """Return whether an outcome is the intent's own first, or stands in for one that lacks."""
        first, known = self.first.get(settled.approval_id), self.settled.get(settled.approval_id)
        if first is None:
            return False
        if settled.attempt == first.intent.attempt:
            return known is None or known.attempt == GIVEN_UP
        return settled.attempt == GIVEN_UP and known is None


class KafkaLedger:
    """`Ledger` over the topic `ledger`."""

    def __init__(
        self, settings: KafkaSettings, clock: Callable[[], datetime], rng: random.Random
    ) -> None:
        self._clock = clock
        self._index = LedgerIndex()
        self._follower = Follower(settings, topics.LEDGER, self._index.take)
        self._publisher = Publisher(settings, Role.EXECUTOR, rng)

    async def start(self) -> None:
        """Read the ledger to its end."""
        await self._follower.start()

    async def close(self) -> None:
        """Let go."""
        await self._publisher.close()
        await self._follower.close()

    async def find(self, approval_id: ApprovalId) -> Claim | None:
        """Return what the ledger says up to its present end. Raises Transient, Fatal."""
        await _within(self._follower.reach_end())
        return self._index.claim(approval_id)

    async def intend(self, intent: ActIntended) -> Claim:
        """Write an intent and read up to it. Raises Transient: then it may stand there, unacted."""
        offset = await self._write(intent, intent.attempt)
        await _within(self._follower.reach(offset))
        claim = self._index.claim(intent.approval_id, intent.attempt)
        if claim is None:
            raise Fatal(f"the ledger lost the intent of {intent.approval_id} at {offset}")
        return claim

    async def settle(self, settled: ActSettled) -> None:
        """Write an outcome, for as long as it takes: an act without one counts as unknown."""
        await self._publisher.publish(outgoing(self._event(settled, settled.attempt)))

    def acts_since(self, when: datetime, incident_id: IncidentId | None = None) -> int:
        """Count first intents since then."""
        return self._index.acts_since(when, incident_id)

    def failures(self) -> tuple[datetime, ...]:
        """Return when acts ended badly."""
        return self._index.failures()

    async def _write(self, intent: ActIntended, attempt: str) -> int:
        (offset,) = await self._publisher.once(outgoing(self._event(intent, attempt)))
        return offset

    def _event(self, fact: ActIntended | ActSettled, attempt: str) -> Event:
        return Event(
            id=EventId(derive("ledger", fact.TYPE, attempt)),
            source=SOURCE,
            time=self._clock(),
            key=fact.approval_id,
            fact=fact,
            incident=fact.incident_id,
            cause=order_of(fact.incident_id, fact.approval_id),
        )


def order_of(incident: IncidentId, approval_id: str) -> EventId:
    """Return the id that the gate gave the order of an approval (`agents/gate.py`)."""
    return event_id(incident, "ActionApproved", approval_id)


async def _within(reading: Coroutine[None, None, None]) -> None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await reading
    except TimeoutError as error:
        raise Transient(f"the ledger did not answer in {ANSWER_SECONDS:.0f} s") from error
