"""The executor's ledger and audit trail, and the broadcasts, on a real broker."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.approval.audit_proof import verify_chain
from agents.approval.keyring import Keyring, Purpose
from agents.approval.signing import SigningKey, sign_control
from agents.contracts.action import DeletePod
from agents.contracts.audit import AuditKind, AuditRecorded
from agents.contracts.envelope import Event
from agents.contracts.execution import ActIntended, ActionExecuted, ActResult, ActSettled
from agents.contracts.feedback import ControlKind, ControlPayload
from agents.contracts.ids import ApprovalId, EventId, IncidentId, ModelId, PlanId
from agents.contracts.model import ModelPromoted, ModelRole
from agents.incident import Current
from agents.worker import Fatal
from streams import login, topics
from streams.audit_trail import KafkaAuditTrail
from streams.broadcast import Broadcast, observer_view
from streams.codec import Received, Record, Source, encode
from streams.controls import Controls
from streams.follow import Follower
from streams.ledger import KafkaLedger, LedgerIndex
from streams.settings import KafkaSettings
from streams.tail import Tail
from streams.wire import outgoing

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

INCIDENT = IncidentId("incident")


def clock() -> datetime:
    return datetime.now(UTC)


def intent(approval: str, attempt: str) -> ActIntended:
    return ActIntended(
        approval_id=ApprovalId(approval),
        incident_id=INCIDENT,
        action_hash="h",
        writer="executor/1",
        attempt=attempt,
    )


def settled(approval: str, attempt: str) -> ActSettled:
    return ActSettled(
        approval_id=ApprovalId(approval),
        incident_id=INCIDENT,
        action_hash="h",
        writer="executor/1",
        attempt=attempt,
        result=ActResult.DONE,
        executed=ActionExecuted(
            approval_id=ApprovalId(approval),
            incident_id=INCIDENT,
            plan_id=PlanId("p"),
            iteration=1,
            action=DeletePod(namespace="n", name="p"),
            result=ActResult.DONE,
        ),
    )


async def ledger(settings: KafkaSettings) -> KafkaLedger:
    made = KafkaLedger(settings, clock, random.Random(1))
    await made.start()
    return made


async def post(settings: KafkaSettings, *events: Event) -> None:
    producer = AIOKafkaProducer(**login.aiokafka(settings))
    await producer.start()
    try:
        for one in (record for event in events for record in outgoing(event)):
            await producer.send_and_wait(
                settings.topic(one.topic),
                key=one.record.key,
                value=one.record.value,
                headers=list(one.record.headers),
            )
    finally:
        await producer.stop()


async def test_of_racing_intents_exactly_one_is_first_for_every_reader(space: Any) -> None:
    settings = space.login("executor")
    one, two = await ledger(settings), await ledger(settings)
    for number in range(20):
        approval = f"approval-{number}"
        claims = await asyncio.gather(
            one.intend(intent(approval, f"one-{number}")),
            two.intend(intent(approval, f"two-{number}")),
        )
        assert [claim.first for claim in claims].count(True) == 1
        known = await one.find(ApprovalId(approval)), await two.find(ApprovalId(approval))
        assert known[0] == known[1]
        assert known[0] is not None
        assert not known[0].first
        assert known[0].settled is None
    assert one.acts_since(clock() - timedelta(hours=1)) == 20
    assert one.acts_since(clock() + timedelta(hours=1)) == 0
    assert two.acts_since(clock() - timedelta(hours=1), IncidentId("another")) == 0
    await one.close()
    await two.close()


async def test_an_outcome_is_the_first_intents_alone_and_outlives_its_writer(space: Any) -> None:
    settings = space.login("executor")
    one = await ledger(settings)
    assert await one.find(ApprovalId("a")) is None
    assert (await one.intend(intent("a", "x"))).first
    assert not (await one.intend(intent("a", "y"))).first
    await one.settle(settled("a", "y"))
    known = await one.find(ApprovalId("a"))
    assert known is not None
    assert known.settled is None, "an attempt that was not first has no outcome to tell"
    await one.settle(settled("a", "x"))
    await one.close()
    again = await ledger(settings)
    known = await again.find(ApprovalId("a"))
    assert known is not None
    assert known.settled == settled("a", "x")
    await again.close()


async def test_a_ledger_that_cannot_be_read_stops_its_reader(space: Any) -> None:
    admin = space.login()
    producer = AIOKafkaProducer(**login.aiokafka(admin))
    await producer.start()
    await producer.send_and_wait(admin.topic(topics.LEDGER.name), b"junk")
    await producer.stop()
    made = KafkaLedger(space.login("executor"), clock, random.Random(1))
    with pytest.raises(Fatal, match="can't be read at offset 0"):
        await made.start()
    await made.close()


async def test_each_audit_trail_is_an_intact_chain_of_its_own(space: Any) -> None:
    settings, key = space.login("executor"), SigningKey.generate()
    for _ in range(2):
        trail = KafkaAuditTrail(settings, key, clock, random.Random(1))
        for number in range(3):
            await trail.record(AuditKind.ACT_INTENDED, INCIDENT, {"number": number})
        await trail.close()
    records: dict[str, list[AuditRecorded]] = {}
    admin = space.login()
    async with Tail(admin, (topics.AUDIT,), from_start=True) as tail:
        seen = aiter(tail)
        for _ in range(6):
            _, event = await anext(seen)
            assert isinstance(event.fact, AuditRecorded)
            records.setdefault(event.fact.writer, []).append(event.fact)
    keyring = Keyring((key.entry("executor", Purpose.AUDIT),))
    assert sorted(len(chain) for chain in records.values()) == [3, 3]
    assert all(verify_chain(chain, keyring, now=clock()) == [] for chain in records.values())


async def test_broadcasts_are_read_before_ready_and_followed_after(space: Any) -> None:
    admin, current = space.login(), Current(model_id=ModelId("none"))

    def promoted(name: str) -> Event:
        fact = ModelPromoted(
            role=ModelRole.OBSERVER, model_id=ModelId(name), location="l", digest="d", verdict="v"
        )
        return Event(id=EventId(name), source="t", time=clock(), key="observer", fact=fact)

    await post(admin, promoted("one"), promoted("two"))
    view = Broadcast(
        space.login("observer"), (topics.GUIDANCE, topics.MODELS), *observer_view(current)
    )
    await view.start()
    assert current.model_id == "two"
    await post(admin, promoted("three"))
    async with asyncio.timeout(10):
        while current.model_id != "three":
            await asyncio.sleep(0.05)
    await view.close()


def test_a_pause_holds_until_it_is_resumed_and_only_with_an_operators_key() -> None:
    key, stranger = SigningKey.generate(), SigningKey.generate()
    controls = Controls(Keyring((key.entry("ops", Purpose.CONTROL),)), clock, "lab")

    def order(kind: ControlKind, by: SigningKey, minute: int) -> Event:
        issued = datetime(2026, 11, 23, 7, minute, tzinfo=UTC)
        payload = ControlPayload(kind=kind, operator="ops", issued_at=issued, cluster="lab")
        return Event(
            id=EventId("c"), source="t", time=issued, key="k", fact=sign_control(by, payload)
        )

    controls.on_event(order(ControlKind.PAUSE_EXECUTOR, stranger, 1))
    assert not controls.paused
    controls.on_event(order(ControlKind.PAUSE_EXECUTOR, key, 2))
    assert controls.paused
    controls.on_event(order(ControlKind.RESUME_EXECUTOR, stranger, 3))
    assert controls.paused
    controls.on_event(order(ControlKind.RESUME_EXECUTOR, key, 1))
    assert controls.paused, "an older resume does not end a newer pause"
    controls.on_event(order(ControlKind.RESUME_EXECUTOR, key, 4))
    assert not controls.paused


async def test_junk_and_a_resume_that_is_dated_back_take_no_pause_away(space: Any) -> None:
    """What a stolen login of an operator's can send, with a key that has ended besides."""
    now, olga, otto = datetime.now(UTC), SigningKey.generate(), SigningKey.generate()
    ended = olga.entry("olga", Purpose.CONTROL).model_copy(
        update={"not_after": now - timedelta(hours=1)}
    )
    keys = Keyring((ended, otto.entry("otto", Purpose.CONTROL)))

    def order(kind: ControlKind, name: str, by: SigningKey, hours: float) -> Event:
        issued = now - timedelta(hours=hours)
        payload = ControlPayload(kind=kind, operator=name, issued_at=issued, cluster="lab")
        signed = sign_control(by, payload)
        return Event(id=EventId(name), source="t", time=issued, key="pause_executor", fact=signed)

    operator = space.login("operator")
    await post(
        operator,
        order(ControlKind.PAUSE_EXECUTOR, "olga", olga, 3),
        order(ControlKind.RESUME_EXECUTOR, "olga", olga, 2),  # its time says: before the end
        order(ControlKind.PAUSE_EXECUTOR, "otto", olga, 1),  # junk under the pause's own key
    )
    controls = Controls(keys, lambda: datetime.now(UTC), "lab")
    view = Broadcast(space.login("executor"), (topics.CONTROLS,), controls.on_event)
    await view.start()
    assert controls.pause is not None
    assert controls.pause.operator == "olga"
    await post(operator, order(ControlKind.RESUME_EXECUTOR, "otto", otto, 0))
    async with asyncio.timeout(10):
        while controls.paused:
            await asyncio.sleep(0.05)
    await view.close()


def test_only_a_one_partition_topic_is_followed() -> None:
    with pytest.raises(ValueError, match="one partition"):
        Follower(KafkaSettings(), topics.PLANS, lambda _: None)


def test_the_index_takes_a_repeated_intent_for_the_same_one() -> None:
    index = LedgerIndex()
    event = Event(
        id=EventId("i"), source="t", time=clock(), key="a", fact=intent("a", "x"), incident=INCIDENT
    )
    record: Record = encode(event)
    for offset in (0, 1):
        index.take(Received(source=Source(topics.LEDGER.name, 0), offset=offset, record=record))
    claim = index.claim(ApprovalId("a"), "x")
    assert claim is not None
    assert claim.first
    assert index.acts_since(clock() - timedelta(hours=1)) == 1
