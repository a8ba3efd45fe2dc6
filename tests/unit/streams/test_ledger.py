"""The ledger on Kafka with its ends held by the test: what is written, and what waits for what."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from agents.contracts.action import DeletePod
from agents.contracts.envelope import Event
from agents.contracts.execution import ActIntended, ActionExecuted, ActResult, ActSettled
from agents.contracts.ids import ApprovalId, EventId, IncidentId, PlanId, derive, event_id
from agents.executor.ledger import GIVEN_UP
from agents.worker import Fatal, Transient
from streams import ledger as ledgers
from streams.codec import Received, Record, Source, decode, encode
from streams.ledger import KafkaLedger, LedgerIndex
from streams.settings import KafkaSettings
from streams.topics import LEDGER
from streams.wire import Outgoing
from tests.builders import T0, at

INCIDENT, OTHER = IncidentId("incident-1"), IncidentId("incident-2")
A, B = ApprovalId("a"), ApprovalId("b")


class Partition:
    """Publisher and follower of one ledger: what is published stands in the topic at once."""

    def __init__(self, index: LedgerIndex) -> None:
        self.index = index
        self.records: list[Record] = []
        self.read = 0
        self.loses = self.hangs = False
        self.calls: list[str] = []

    async def once(self, records: tuple[Outgoing, ...]) -> list[int]:
        (one,) = records
        assert one.topic == LEDGER.name
        self.calls.append("once")
        if not self.loses:
            self.records.append(one.record)
        return [len(self.records) - 1]

    async def publish(self, records: tuple[Outgoing, ...]) -> list[int]:
        offsets = await self.once(records)
        self.calls[-1] = "publish"
        return offsets

    async def reach(self, offset: int) -> None:
        if self.hangs:
            await asyncio.sleep(60)
        while self.read <= offset:
            record = self.records[self.read]
            received = Received(source=Source(LEDGER.name, 0), offset=self.read, record=record)
            self.index.take(received)
            self.read += 1

    async def reach_end(self) -> None:
        await self.reach(len(self.records) - 1)

    async def start(self) -> None:
        self.calls.append("start")
        await self.reach_end()

    async def close(self) -> None:
        self.calls.append("close")


def made() -> tuple[KafkaLedger, Partition]:
    ledger: Any = KafkaLedger(KafkaSettings(), lambda: T0, random.Random(1))
    partition = Partition(ledger._index)
    ledger._follower = ledger._publisher = partition
    return ledger, partition


def intent(
    attempt: str = "x", approval: ApprovalId = A, incident: IncidentId = INCIDENT
) -> ActIntended:
    return ActIntended(
        approval_id=approval,
        incident_id=incident,
        action_hash="a" * 64,
        writer="executor/1",
        attempt=attempt,
    )


def settled(attempt: str = "x", result: ActResult = ActResult.DONE) -> ActSettled:
    return ActSettled(
        approval_id=A,
        incident_id=INCIDENT,
        action_hash="a" * 64,
        writer="executor/1",
        attempt=attempt,
        result=result,
        executed=ActionExecuted(
            approval_id=A,
            incident_id=INCIDENT,
            plan_id=PlanId("p"),
            iteration=1,
            action=DeletePod(namespace="n", name="p"),
            result=result,
        ),
    )


async def test_the_first_intent_is_first_and_its_outcome_is_found() -> None:
    ledger, partition = made()
    await ledger.start()
    assert await ledger.find(A) is None
    assert (await ledger.intend(intent("x"))).first
    second = await ledger.intend(intent("y"))
    assert not second.first and second.settled is None
    await ledger.settle(settled("x"))
    found = await ledger.find(A)
    assert found is not None
    assert not found.first and found.settled == settled("x")
    assert (await ledger.intend(intent("z"))).settled == settled("x")
    await ledger.close()
    assert partition.calls == ["start", "once", "once", "publish", "once", "close", "close"]


async def test_each_record_says_whose_it_is_and_what_ordered_it() -> None:
    ledger, partition = made()
    await ledger.intend(intent("x"))
    await ledger.settle(settled("x"))
    for offset, fact in enumerate((intent("x"), settled("x"))):
        source = Source(LEDGER.name, 0)
        received = Received(source=source, offset=offset, record=partition.records[offset])
        event = decode(received, LEDGER.facts)
        assert event.fact == fact
        assert event.id == derive("ledger", fact.TYPE, "x")
        assert (event.source, event.time, event.key) == ("aoi/executor", T0, A)
        assert event.incident == INCIDENT
        assert event.cause == event_id(INCIDENT, "ActionApproved", A)


async def test_rates_and_failures_are_counted_as_the_partition_says() -> None:
    ledger, _ = made()
    await ledger.intend(intent("x"))
    await ledger.intend(intent("y"))
    await ledger.intend(intent("z", B, OTHER))
    assert ledger.acts_since(T0) == 2
    assert ledger.acts_since(T0, OTHER) == ledger.acts_since(at(-1), INCIDENT) == 1
    assert ledger.acts_since(T0 + timedelta(seconds=1)) == 0
    assert ledger.failures() == ()
    await ledger.settle(settled("x", ActResult.FAILED))
    await ledger.find(A)
    assert ledger.failures() == (T0,)


async def test_an_intent_that_the_ledger_lost_stops_the_process() -> None:
    ledger, partition = made()
    partition.loses = True
    with pytest.raises(Fatal, match="the ledger lost the intent of a at -1"):
        await ledger.intend(intent())


async def test_a_ledger_that_does_not_answer_is_asked_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledgers, "ANSWER_SECONDS", 0.01)
    ledger, partition = made()
    partition.hangs = True
    for asking in (ledger.find(A), ledger.intend(intent())):
        with pytest.raises(Transient, match="the ledger did not answer in 0 s"):
            await asking


def test_a_record_that_cannot_be_read_stops_the_process() -> None:
    record = Record(key=b"a", value=b"no JSON", headers=())
    with pytest.raises(Fatal, match=r"the ledger can't be read at offset 7: ."):
        LedgerIndex().take(Received(source=Source(LEDGER.name, 0), offset=7, record=record))


async def test_the_writer_has_the_last_word_on_its_act_and_only_once() -> None:
    for outcomes, wanted in (
        (("y",), None),
        ((GIVEN_UP,), GIVEN_UP),
        ((GIVEN_UP, "x"), "x"),
        (("x", GIVEN_UP), "x"),
        (("y", "x"), "x"),
    ):
        ledger, _ = made()
        await ledger.intend(intent("x"))
        for attempt in outcomes:
            await ledger.settle(settled(attempt))
        found = await ledger.find(A)
        assert found is not None
        assert (found.settled.attempt if found.settled else None) == wanted, outcomes
    twice, _ = made()
    await twice.intend(intent("x"))
    await twice.settle(settled("x", ActResult.FAILED))
    await twice.settle(settled("x", ActResult.DONE))
    found = await twice.find(A)
    assert found is not None and found.settled is not None
    assert found.settled.result is ActResult.FAILED
    unasked, _ = made()
    await unasked.settle(settled("x"))
    assert await unasked.find(A) is None


def test_a_fact_that_is_none_of_the_ledger_s_stops_the_process() -> None:
    fact = settled("x").executed
    event = Event(
        id=EventId("e"), source="aoi/executor", time=T0, key=INCIDENT, fact=fact, incident=INCIDENT
    )
    with pytest.raises(Fatal, match="the ledger can't be read at offset 0"):
        LedgerIndex().take(Received(source=Source(LEDGER.name, 0), offset=0, record=encode(event)))


async def test_an_outcome_before_any_intent_counts_for_nothing() -> None:
    ledger, _ = made()
    await ledger.start()
    await ledger.settle(settled("x", ActResult.FAILED))
    assert (await ledger.intend(intent("x"))).settled is None
    assert ledger._index.failures() == ()
