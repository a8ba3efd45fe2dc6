"""Nothing is ordered or done whose audit record does not stand; no head says more than stands."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
import pytest

from agents.approval.audit_proof import verify_chain
from agents.approval.keyring import Keyring, Purpose
from agents.approval.signing import SigningKey
from agents.contracts.approval import ActionApproved, ApprovalRequested
from agents.contracts.audit import AuditHeadPublished, AuditKind, AuditRecorded, TimerFired
from agents.contracts.envelope import Event
from agents.contracts.ids import IncidentId, ModelId, PlanId
from agents.contracts.plan import PlanKind, PlanProposed
from agents.gate import FORGET, GateReducer
from agents.reducer import reduce
from agents.worker import Fatal, Transient
from streams import topics
from streams.audit_trail import KafkaAuditTrail
from streams.settings import KafkaSettings
from streams.wire import Outgoing
from tests.builders import INCIDENT, at, event
from tests.doubles.pipeline import GATE, GATE_SETTINGS, KEYRING, POLICY, Pipeline
from tests.unit.agents.test_pipeline import SCALE, scripted

KEY = SigningKey(b"x" * 32)
RING = Keyring((KEY.entry("executor", Purpose.AUDIT),))
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Broker:
    """Takes the place of the trail's publisher; `lost`: it answers nothing; it may forbid heads."""

    def __init__(self) -> None:
        self.lost = False
        self.no_heads = False
        self.closed = False
        self.written: list[Outgoing] = []

    async def once(self, records: Sequence[Outgoing]) -> list[int]:
        if self.lost:
            raise Transient("no acknowledgement")
        if self.no_heads and records[0].topic == topics.AUDIT_HEADS.name:
            raise Fatal("may not write heads")
        self.written += records
        return [len(self.written)]

    async def close(self) -> None:
        self.lost = self.closed = True

    def records(self) -> list[AuditRecorded]:
        return [AuditRecorded.model_validate(one) for one in self._of(topics.AUDIT.name)]

    def heads(self) -> list[AuditHeadPublished]:
        return [AuditHeadPublished.model_validate(one) for one in self._of(topics.AUDIT_HEADS.name)]

    def _of(self, topic: str) -> list[object]:
        return [orjson.loads(one.record.value or b"") for one in self.written if one.topic == topic]


def trail(broker: Broker, *, head_seconds: float = 60) -> KafkaAuditTrail:
    made = KafkaAuditTrail(
        KafkaSettings(), KEY, lambda: NOW, random.Random(1), head_seconds=head_seconds
    )
    made._publisher = broker  # type: ignore[assignment]
    return made


async def record(made: KafkaAuditTrail, number: int) -> None:
    await made.record(AuditKind.ACT_INTENDED, IncidentId("i"), {"approval_id": str(number)})


async def test_a_record_that_nobody_acknowledged_raises_and_ends_its_chain() -> None:
    broker = Broker()
    made = trail(broker)
    await record(made, 0)
    broker.lost = True
    with pytest.raises(Transient):
        await record(made, 1)
    broker.lost = False
    await record(made, 2)
    await made.close()
    first, second = broker.records()
    assert (first.index, second.index) == (0, 0)
    assert first.writer != second.writer
    assert {(head.writer, head.index) for head in broker.heads()} == {
        (first.writer, 0),
        (second.writer, 0),
    }
    assert verify_chain(broker.records(), RING, now=NOW, heads=broker.heads()) == []


async def test_heads_are_published_while_it_runs_and_when_it_stops() -> None:
    broker = Broker()
    made = trail(broker, head_seconds=0.01)
    await made.start()
    await record(made, 0)
    async with asyncio.timeout(5):
        while not broker.heads():
            await asyncio.sleep(0.01)
    await made.close()
    broker.lost = False
    made = trail(broker)
    await made.start()
    for number in range(3):
        await record(made, number)
    await made.close()
    assert [head.index for head in broker.heads()] == [0, 2]
    assert verify_chain(broker.records(), RING, now=NOW, heads=broker.heads()) == []


async def test_a_head_that_was_not_acknowledged_is_published_again() -> None:
    broker = Broker()
    made = trail(broker, head_seconds=0.01)
    await record(made, 0)
    broker.lost = True
    await made.start()
    await asyncio.sleep(0.05)
    assert broker.heads() == []
    broker.lost = False
    async with asyncio.timeout(5):
        while not broker.heads():
            await asyncio.sleep(0.01)
    await made.close()


async def test_a_trail_that_may_publish_no_heads_still_closes() -> None:
    broker = Broker()
    broker.no_heads = True
    made = trail(broker, head_seconds=0.01)
    await made.start()
    await record(made, 0)
    await asyncio.sleep(0.05)
    await made.close()
    assert broker.closed
    assert broker.heads() == []


async def test_no_act_is_done_while_its_audit_record_is_not_acknowledged() -> None:
    pipeline = Pipeline(script=scripted(("act", SCALE)))
    pipeline.audit.down = True
    with pytest.raises(Transient):
        await pipeline.run()
    assert pipeline.facts(ActionApproved)
    assert pipeline.cluster.acts == []
    assert pipeline.ledger.intents == []


async def test_what_the_gate_asks_and_orders_leaves_with_its_record_and_head() -> None:
    pipeline = Pipeline(script=scripted(("act", SCALE)))
    await pipeline.run()
    log = pipeline.driver.log
    told = {ApprovalRequested: "approval_requested", ActionApproved: "order_signed"}
    seen = [one for one in log if type(one.fact) in told]
    assert len(seen) == 2
    for one in seen:
        turn = [other.fact for other in log if other.cause == one.cause]
        records = [fact for fact in turn if isinstance(fact, AuditRecorded)]
        heads = [fact for fact in turn if isinstance(fact, AuditHeadPublished)]
        assert told[type(one.fact)] in [fact.kind for fact in records]
        assert [head.hash for head in heads] == [records[-1].hash]


def test_an_incident_that_comes_back_after_it_was_forgotten_begins_another_chain() -> None:
    gate = GateReducer(settings=GATE_SETTINGS, policy=POLICY, key=GATE)

    def plan(number: int) -> Event:
        fact = PlanProposed(
            incident_id=INCIDENT,
            plan_id=PlanId(f"p-{number}"),
            iteration=number,
            kind=PlanKind.ACTION,
            line="kubectl delete namespace kube-system",
            model_id=ModelId("m"),
        )
        return event(fact, seconds=number, part=str(number))

    state, first = reduce(gate, None, INCIDENT, plan(1))
    state, more = reduce(gate, state, INCIDENT, plan(2))
    forget = event(TimerFired(name=FORGET, key=INCIDENT), seconds=3, part="forget")
    state, _ = reduce(gate, state, INCIDENT, forget)
    assert state is None
    _, again = reduce(gate, state, INCIDENT, plan(3))
    facts = [one.fact for one in (*first, *more, *again)]
    records = [fact for fact in facts if isinstance(fact, AuditRecorded)]
    heads = [fact for fact in facts if isinstance(fact, AuditHeadPublished)]
    assert [one.index for one in records] == [0, 1, 0]
    assert verify_chain(records, KEYRING, now=at(0), heads=heads) == []
    assert len({one.id for one in (*first, *more, *again)}) == len(facts)
