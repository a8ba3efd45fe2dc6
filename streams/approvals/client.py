"""`async for request in Approvals(settings)`: see requests, answer them with a key.

    async with Approvals(settings) as approvals:
        async for request in approvals:
            await request.approve("alice", key)

Invariant: iterating decides nothing; a decision is sent only by `approve` or `refuse`, and these
return after Kafka acknowledged it. Requests that are settled or expired are not offered.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.approval.keyring import voice
from agents.approval.signing import SigningKey
from agents.contracts.approval import (
    ActionApproved,
    ActionDecided,
    ActionRefused,
    ApprovalRequested,
    DecisionVerdict,
    DecisionVerified,
)
from agents.contracts.envelope import Event
from agents.contracts.ids import ApprovalId
from agents.worker import AoiError
from streams import history, login
from streams.approvals.decision import decide, event_of
from streams.host import now
from streams.settings import KafkaSettings
from streams.tail import Tail
from streams.topics import ACTIONS_APPROVED, ACTIONS_REFUSED, ACTIONS_REQUESTED, DECISIONS
from streams.wire import outgoing

TOPICS = (ACTIONS_REQUESTED, ACTIONS_APPROVED, ACTIONS_REFUSED)
COMPARED = (
    "approval_id",
    "incident_id",
    "action_hash",
    "order_hash",
    "cluster",
    "policy_version",
)


class DecisionNotSent(AoiError):
    """Kafka did not acknowledge the decision; sending it again is harmless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request for approval, and the way to answer it; `approved_by` as in `Asked`."""

    fact: ApprovalRequested
    event: Event
    sender: "Approvals"
    approved_by: tuple[str, ...] | None = None

    async def approve(self, approver: str, key: SigningKey, comment: str = "") -> None:
        """Approve it as `approver`; raises `DecisionNotSent`, `RequestFalse`."""
        await self.sender.send(self, DecisionVerdict.APPROVE, approver, key, comment)

    async def refuse(self, approver: str, key: SigningKey, comment: str = "") -> None:
        """Refuse it as `approver`; raises `DecisionNotSent`, `RequestFalse`."""
        await self.sender.send(self, DecisionVerdict.REFUSE, approver, key, comment)


class Approvals:
    """The requests that a Kafka user may see. `clock` tells which have expired."""

    def __init__(self, settings: KafkaSettings, *, clock: Callable[[], datetime] = now) -> None:
        self._settings = settings
        self._clock = clock
        self._tail = Tail(settings, TOPICS)
        self._producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, **login.aiokafka(settings)
        )

    async def __aenter__(self) -> Self:
        """Connect; requests that come from now on are not missed."""
        try:
            await self._tail.__aenter__()
        except BaseException:
            await self._producer.stop()
            raise
        try:
            await self._producer.start()
        except BaseException:
            await self._producer.stop()
            await self._tail.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the connections go."""
        await self._producer.stop()
        await self._tail.__aexit__(kind, error, trace)

    async def __aiter__(self) -> AsyncIterator[Request]:
        """Yield the open requests, oldest first, then new ones as they come, for ever."""
        seen: set[ApprovalId] = set()
        for request in await self.pending():
            seen.add(request.fact.approval_id)
            yield request
        async for _, event in self._tail:
            fact = event.fact
            if not isinstance(fact, ApprovalRequested) or fact.approval_id in seen:
                continue
            seen.add(fact.approval_id)
            if fact.expires > self._clock():
                yield Request(fact=fact, event=event, sender=self)

    async def pending(self) -> list[Request]:
        """Return the requests that nobody has settled and that have not expired, oldest first."""
        found = await every_request(self._settings)
        return [
            Request(fact=one.fact, event=one.event, sender=self, approved_by=one.approved_by)
            for one in found
            if one.settled is None and one.fact.expires > self._clock()
        ]

    async def send(
        self,
        request: Request,
        verdict: DecisionVerdict,
        approver: str,
        key: SigningKey,
        comment: str = "",
    ) -> None:
        """Sign a verdict and publish it; see `Request.approve`."""
        fact = decide(request.fact, verdict, approver=approver, key=key, comment=comment)
        await self.publish(fact, request.event)

    async def publish(self, fact: ActionDecided, cause: Event) -> None:
        """Publish a signed decision about the request `cause`; raises `DecisionNotSent`."""
        try:
            for one in outgoing(event_of(fact, cause)):
                await self._producer.send_and_wait(
                    self._settings.topic(one.topic),
                    one.record.value,
                    key=one.record.key,
                    partition=one.partition,
                    headers=list(one.record.headers),
                )
        except (KafkaError, OSError) as error:
            raise DecisionNotSent(f"{fact.payload.approval_id}: {error!r}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request with what became of it, as far as the topics say.

    approved_by: the different names that approved it; None where this user may not read them.
    """

    fact: ApprovalRequested
    event: Event
    settled: ActionApproved | ActionRefused | None
    approved_by: tuple[str, ...] | None = None


async def every_request(settings: KafkaSettings) -> list[Asked]:
    """Return every request that the topics still hold, oldest first."""
    requests: dict[ApprovalId, tuple[ApprovalRequested, Event]] = {}
    answers: dict[ApprovalId, ActionApproved | ActionRefused] = {}
    async for _, event in history.events(settings, TOPICS):
        match event.fact:
            case ApprovalRequested() as fact:
                requests.setdefault(fact.approval_id, (fact, event))
            case ActionApproved() | ActionRefused() as fact:
                answers[fact.approval_id] = fact
    verified = await _verified(settings)
    asked = [
        Asked(
            fact=fact,
            event=event,
            settled=answers.get(name),
            approved_by=None if verified is None else approvers_of(fact, verified),
        )
        for name, (fact, event) in requests.items()
    ]
    return sorted(asked, key=lambda one: (one.fact.requested_at, one.fact.approval_id))


def approvers_of(request: ApprovalRequested, verified: Iterable[Event]) -> tuple[str, ...]:
    """Return the names whose verified decisions approve a request, in order, each voice once.

    The gate alone decides what counts; this compares what it compares in the decision itself.
    """
    names: dict[str, str] = {}
    for event in verified:
        if not isinstance(event.fact, DecisionVerified):
            continue
        payload = event.fact.decision.payload
        if (
            payload.verdict is DecisionVerdict.APPROVE
            and all(getattr(payload, one) == getattr(request, one) for one in COMPARED)
            and payload.not_before <= event.time < min(payload.expires, request.expires)
            and voice(payload.approver) != voice(request.proposer)
        ):
            names.setdefault(voice(payload.approver), payload.approver)
    return tuple(names.values())


async def _verified(settings: KafkaSettings) -> list[Event] | None:
    """Return the verified decisions, or None where this user may not read them."""
    try:
        return [event async for _, event in history.events(settings, [DECISIONS])]
    except history.HistoryForbidden:  # a user of the operators' own, or rights of an older version
        return None
