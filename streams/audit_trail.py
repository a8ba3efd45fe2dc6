"""The executor's audit trail on Kafka: a chain an instance, its head published regularly.

Invariant: `record` returns only after the broker acknowledged the link, and a head is published
only of links that it acknowledged. A link whose acknowledgement stayed away may or may not stand in
the topic, so the chain ends there and another instance's begins.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from uuid import uuid4

import structlog
from pydantic import JsonValue

from agents.approval.audit import AuditChain, sign_head
from agents.approval.signing import SigningKey
from agents.contracts.audit import AuditHeadPublished, AuditKind, AuditRecorded
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId, derive
from agents.roles import Role
from agents.worker import Fatal, Transient
from streams.ledger import SOURCE, order_of
from streams.publisher import Publisher
from streams.settings import KafkaSettings
from streams.wire import outgoing

HEAD_SECONDS = 5.0
LAST_HEAD_SECONDS = 5.0

log = structlog.get_logger(__name__)


class KafkaAuditTrail:
    """`AuditTrail` over the topics `audit` and `audit.heads`; its writer is `executor/<instance>`.

    head_seconds: how long an acknowledged link may stay without a head that vouches for it.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        key: SigningKey,
        clock: Callable[[], datetime],
        rng: random.Random,
        *,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        self._key, self._clock = key, clock
        self._publisher = Publisher(settings, Role.EXECUTOR, rng)
        self._chain = self._new_chain()
        self._turn = asyncio.Lock()
        self._head_seconds = head_seconds
        # by writer: the last acknowledged link of each chain of which no head says so yet
        self._unpublished: dict[str, AuditRecorded] = {}
        self._heads: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to publish heads. Nothing is read: a new instance begins a new chain."""
        self._heads = asyncio.create_task(self._publish_heads(), name="publish audit heads")

    async def close(self) -> None:
        """Publish the last head, and let go."""
        if self._heads is not None:
            self._heads.cancel()
            with suppress(asyncio.CancelledError, Fatal):
                await self._heads
        try:
            async with asyncio.timeout(LAST_HEAD_SECONDS):
                await self._publish()
        except (Transient, Fatal, TimeoutError) as error:
            log.warning("the last head was not published", error=repr(error)[:300])
        finally:
            await self._publisher.close()

    async def record(
        self, kind: AuditKind, incident_id: IncidentId, record: dict[str, JsonValue]
    ) -> None:
        """Write one link and wait for its acknowledgement. Raises Transient, Fatal."""
        async with self._turn:
            link = self._chain.append(kind, incident_id, record, self._clock())
            try:
                await self._publisher.once(outgoing(_link_event(link)))
            except BaseException:
                self._chain = self._new_chain()
                raise
            self._unpublished[link.writer] = link

    async def _publish_heads(self) -> None:
        while True:
            await asyncio.sleep(self._head_seconds)
            try:
                await self._publish()
            except Transient as error:
                log.warning("publishing the head again", error=repr(error)[:300])

    async def _publish(self) -> None:
        for writer, link in list(self._unpublished.items()):
            head = sign_head(link, self._key, self._clock())
            await self._publisher.once(outgoing(_head_event(head)))
            if self._unpublished.get(writer) is link:
                del self._unpublished[writer]

    def _new_chain(self) -> AuditChain:
        return AuditChain(f"{Role.EXECUTOR}/{uuid4().hex[:12]}", self._key)


def _link_event(link: AuditRecorded) -> Event:
    assert link.at is not None  # noqa: S101 - `record` gives it
    return Event(
        id=EventId(derive("audit", link.writer, link.index)),
        source=SOURCE,
        time=link.at,
        key=link.writer,
        fact=link,
        incident=link.incident_id,
        cause=order_of(link.incident_id, str(link.record.get("approval_id"))),
    )


def _head_event(head: AuditHeadPublished) -> Event:
    return Event(
        id=EventId(derive("audit-head", head.writer, head.index)),
        source=SOURCE,
        time=head.at,
        key=head.writer,
        fact=head,
    )
