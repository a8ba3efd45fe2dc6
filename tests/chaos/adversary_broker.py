"""The person who approves, and thieves with stolen logins beside them, on the real broker.

    actions.requested -> forged decision, then the person's answer | actions.refused -> forged order
    actions.executed  -> the genuine decision and order again, and bound anew

Invariant: the person approves what has a legitimate act's mark and is exactly that act, answers
one in sixty of the others with silence, and refuses the rest.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.errors import TopicAuthorizationFailedError

from agents.contracts.approval import (
    ActionApproved,
    ActionDecided,
    ActionRefused,
    ApprovalRequested,
    RefusedBy,
)
from agents.contracts.envelope import Event
from agents.contracts.execution import ActionExecuted, ActResult
from agents.contracts.ids import EventId
from deploy.embedded.stack import Stack
from streams import login
from streams.codec import Record
from streams.topic import ALL_USERS, Topic
from streams.topics import ACTIONS_APPROVED, ACTIONS_DECIDED, CONTROLS, TOPICS
from streams.wire import placed
from tests.chaos import adversary_forgeries as forged
from tests.chaos.adversary_model import Adversary

SILENT_ONE_IN, CONTROL_ONE_IN = 60, 20
HANDS = 4


@asynccontextmanager
async def alongside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these beside the body; one that fails ends it. Raises ExceptionGroup."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


@dataclass(frozen=True, slots=True)
class Forgery:
    """A record that a thief wrote: what, on which topic, and where it lies there."""

    kind: str
    topic: str
    place: tuple[int, int]
    id: EventId
    about: str = ""


@dataclass(slots=True)
class Thieves:
    """Person and thieves. forgeries: what was written; the next kind of each is drawn in turn.

    careless: the person approves everything, and the run must be found broken.
    """

    stack: Stack
    keys: forged.Keys
    adversary: Adversary
    careless: bool = False
    forgeries: list[Forgery] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    approved: list[ActionDecided] = field(default_factory=list)
    asked: dict[str, ApprovalRequested] = field(default_factory=dict)
    orders: dict[str, ActionApproved] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    repeated: set[str] = field(default_factory=set)
    events: "asyncio.Queue[Event]" = field(default_factory=asyncio.Queue)
    _producers: dict[str, AIOKafkaProducer] = field(default_factory=dict)
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)
    _orders: "itertools.count[int]" = field(default_factory=itertools.count)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Answer and forge until left."""
        async with AsyncExitStack() as stack:
            for user in ("approver", "operator", "admin"):
                producer = AIOKafkaProducer(
                    acks="all",
                    max_request_size=1 << 22,
                    **login.aiokafka(self.stack.login(user)),
                )
                self._producers[user] = await stack.enter_async_context(producer)
            async with alongside(*(self._work() for _ in range(HANDS))):
                yield

    async def _work(self) -> None:
        while True:
            event = await self.events.get()
            try:
                await self._answer(event)
            finally:
                self.events.task_done()

    async def _answer(self, event: Event) -> None:
        match event.fact:
            case ApprovalRequested() as asked:
                await self._asked(asked)
            case ActionRefused(refused_by=RefusedBy.PERSON | RefusedBy.EXPIRY) as refused:
                asked = self.asked.get(refused.approval_id)
                if asked is not None:
                    await self._forged_order(asked)
            case ActionApproved() as order if self._is_genuine(event, order):
                self.orders[order.approval_id] = order
                await self._done(order.approval_id)
            case ActionExecuted(result=ActResult.DONE) as executed:
                self.done.add(executed.approval_id)
                await self._done(executed.approval_id)

    def _is_genuine(self, event: Event, order: ActionApproved) -> bool:
        """Return whether it is the gate's own order for a legitimate act."""
        return event.source != forged.SOURCE and order.action in self.adversary.wanted.values()

    async def _done(self, approval_id: str) -> None:
        """Repeat an order once it was both seen and done, in whatever order that is heard of."""
        if approval_id in self.orders and approval_id in self.done - self.repeated:
            self.repeated.add(approval_id)
            await self._repeated(self.orders.pop(approval_id))

    async def _asked(self, asked: ApprovalRequested) -> None:
        self.asked[asked.approval_id] = asked
        turn = next(self._turn)
        await self._forged_decision(asked, turn)
        if turn % CONTROL_ONE_IN == 0:
            await self._forged_control(turn // CONTROL_ONE_IN)
        namespace = asked.incident_namespace or ""
        wanted = self.adversary.wanted.get(namespace)
        known = wanted == asked.action and asked.evidence == self.adversary.marks[namespace]
        if known or self.careless:
            answer = forged.decision(asked, self.keys.person)
            self.approved.append(answer)
            self.answers["approved"] += 1
        elif turn % SILENT_ONE_IN == SILENT_ONE_IN - 1:
            self.answers["silence"] += 1
            return
        else:
            answer = forged.decision(asked, self.keys.person, verdict=forged.REFUSE)
            self.answers["refused"] += 1
        _, record = forged.recorded(answer, asked.approval_id)
        await self._send("approver", ACTIONS_DECIDED, record)

    async def _forged_decision(self, asked: ApprovalRequested, turn: int) -> None:
        names = [*forged.DECISIONS, *forged.RAW]
        kind, about = names[turn % len(names)], asked.approval_id
        if kind in forged.RAW:
            made = forged.RAW[kind](self.keys, asked)
        else:
            fact = forged.DECISIONS[kind](self.keys, asked)
            made, about = forged.recorded(fact, about), fact.payload.approval_id
        await self._forge(f"decision: {kind}", "approver", ACTIONS_DECIDED, made, about)

    async def _forged_order(self, asked: ApprovalRequested) -> None:
        """Put an order for a refused act where the rights table lets the gate alone write."""
        if not self.approved:
            return
        kind = list(forged.ORDERS)[next(self._orders) % len(forged.ORDERS)]
        fact = forged.ORDERS[kind](self.keys, asked, self.approved[-1])
        made = forged.recorded(fact, fact.incident_id)
        await self._forge(f"order: {kind}", "admin", ACTIONS_APPROVED, made, fact.approval_id)

    async def _forged_control(self, turn: int) -> None:
        kind = list(forged.CONTROLS)[turn % len(forged.CONTROLS)]
        fact = forged.CONTROLS[kind](self.keys)
        made = forged.recorded(fact, f"thief-{uuid4().hex}")
        await self._forge(f"control: {kind}", "operator", CONTROLS, made, "")

    async def _repeated(self, done: ActionApproved) -> None:
        """Replay what was genuine: decision, order, and the order bound to something else."""
        asked = self.asked[done.approval_id]
        refusal = forged.decision(asked, self.keys.person, verdict=forged.REFUSE)
        for kind, fact in (
            ("the genuine one again", done.decisions[0]),
            ("a refusal after the act", refusal),
        ):
            made = forged.recorded(fact, asked.approval_id)
            await self._forge(
                f"decision: {kind}", "approver", ACTIONS_DECIDED, made, asked.approval_id
            )
        orders = {"done, as it was": done, **forged.rebound(done)}
        for kind, order in orders.items():
            made = forged.recorded(order, order.incident_id)
            await self._forge(f"order: {kind}", "admin", ACTIONS_APPROVED, made, order.approval_id)

    async def _forge(
        self, kind: str, user: str, topic: Topic, made: forged.Made, about: str
    ) -> None:
        place = await self._send(user, topic, made[1])
        self.forgeries.append(Forgery(kind, topic.name, place, made[0], about))

    async def _send(self, user: str, topic: Topic, record: Record) -> tuple[int, int]:
        out = placed(topic, record)
        told = await self._producers[user].send_and_wait(
            self.stack.login(user).topic(topic.name),
            record.value,
            key=record.key,
            partition=out.partition,
            headers=list(record.headers),
        )
        return told.partition, told.offset


async def burglary(stack: Stack) -> tuple[int, list[str]]:
    """Write with every login to every topic that is not its own; count refusals, list the rest."""
    refused, accepted = 0, []
    for user in ALL_USERS:
        settings = stack.login(str(user))
        async with AIOKafkaProducer(acks="all", **login.aiokafka(settings)) as producer:
            for topic in TOPICS:
                if user in topic.writers:
                    continue
                try:
                    await producer.send_and_wait(
                        settings.topic(topic.name), b'{"thief": true}', key=b"thief"
                    )
                except TopicAuthorizationFailedError:
                    refused += 1
                else:
                    accepted.append(f"{user} wrote to {topic.name}")
    return refused, accepted
