"""An incident read back from the topics: whole, in order, its own events only, and bounded."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer

from agents.contracts.alert import AlertGrouped, AlertReceived, AlertStatus
from agents.contracts.audit import AuditKind, AuditRecorded
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId, ModelId, PlanId
from agents.contracts.incident import IncidentOpened, IncidentStatus, Task
from agents.contracts.model import Message, ModelRequested, ModelRole
from agents.contracts.model_base import Fact
from agents.contracts.plan import PlanKind, PlanProposed
from deploy.cli._chain_view import content, tree
from streams import chain, history, login
from streams.chain import NoSuchIncident
from streams.topics import INCIDENTS
from streams.wire import outgoing

if TYPE_CHECKING:
    from conftest import Space

pytestmark = pytest.mark.kafka
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ALERT = AlertReceived(
    fingerprint="f", group="g", status=AlertStatus.FIRING, labels={}, starts_at=NOW
)


def event(
    name: str, fact: Fact, *, key: str, cause: str | None = None, seconds: float = 0
) -> Event:
    named = getattr(fact, "incident_id", None)
    return Event(
        id=EventId(name),
        source="aoi/test",
        time=NOW + timedelta(seconds=seconds),
        key=key,
        fact=fact,
        incident=named,
        cause=None if cause is None else EventId(cause),
    )


def opened(incident: str) -> IncidentOpened:
    return IncidentOpened(
        incident_id=IncidentId(incident),
        group="g",
        task=Task.MITIGATION,
        status=IncidentStatus.OPEN,
        namespace="shop",
        severity="critical",
        title="cart [red]is[/] down",
        alerts=(ALERT,),
        opened_at=NOW,
        updated_at=NOW,
    )


def planned(incident: str, plan: str) -> PlanProposed:
    return PlanProposed(
        incident_id=IncidentId(incident),
        plan_id=PlanId(plan),
        iteration=1,
        kind=PlanKind.PROBE,
        line="kubectl get pods",
        model_id=ModelId("m"),
    )


def asked(incident: str) -> ModelRequested:
    return ModelRequested(
        incident_id=IncidentId(incident),
        request_id="r",
        role=ModelRole.OBSERVER,
        iteration=1,
        model_id=ModelId("m"),
        messages=(Message(role="user", content="what now?"),),
        max_tokens=10,
        seed=1,
    )


def audited(incident: str) -> AuditRecorded:
    return AuditRecorded(
        writer="gate",
        index=0,
        previous="0" * 64,
        kind=AuditKind.PLAN_JUDGED,
        incident_id=IncidentId(incident),
        record={},
        hash="0" * 64,
        signature="s",
    )


async def send(space: "Space", user: str, *events: Event, transaction: int | None = None) -> None:
    kafka = space.login(user)
    name = None if transaction is None else kafka.transactional_id(user, transaction)
    async with AIOKafkaProducer(**login.aiokafka(kafka), transactional_id=name) as producer:
        if name is not None:
            await producer.begin_transaction()
        for one in (record for each in events for record in outgoing(each)):
            await producer.send_and_wait(
                kafka.topic(one.topic),
                one.record.value,
                key=one.record.key,
                partition=one.partition,
                headers=list(one.record.headers),
            )
        if name is not None:
            await producer.commit_transaction()


@pytest.fixture
async def told(space: "Space") -> "Space":
    """Give a space in which two incidents of one group have happened."""
    grouped = event("alert", AlertGrouped(group="g", alert=ALERT), key="g")
    other = ALERT.model_copy(update={"fingerprint": "other"})
    foreign = event("foreign", AlertGrouped(group="g", alert=other), key="g")
    await send(space, "intake", grouped, foreign)
    for name in ("i-1", "i-2"):
        first = event(f"opened-{name}", opened(name), key=name, cause="alert")
        await send(space, "correlator", first, transaction=0)
        await send(
            space,
            "observer",
            event(f"asked-{name}", asked(name), key=name, cause=f"opened-{name}"),
            event(f"plan-{name}", planned(name, f"p-{name}"), key=name, cause=f"asked-{name}"),
            transaction=0,
        )
        late = event(f"audit-{name}", audited(name), key="gate", cause=f"plan-{name}", seconds=1)
        await send(space, "gate", late)
    return space


@pytest.mark.parametrize("user", ["operator", "auditor"])
async def test_a_chain_holds_its_own_events_in_order(told: "Space", user: str) -> None:
    found = await chain.chain_of(told.login(user), "i-1")
    whole = ["alert", "opened-i-1", "asked-i-1", "plan-i-1", "audit-i-1"]
    # what is internal is the operator's to see, not the auditor's
    unseen = {"operator": set[str](), "auditor": {"alert", "asked-i-1"}}[user]
    assert [link.event.id for link in found.links] == [one for one in whole if one not in unseen]


async def test_a_chain_is_shown_as_text_and_as_data(told: "Space") -> None:
    found = await chain.chain_of(told.login("operator"), "i-1")
    assert "cart [red]is[/] down" in str(tree(found).label)
    links = content(found)["links"]
    assert isinstance(links, list)
    assert [one["cause"] for one in links] == [
        None,
        "alert",
        "opened-i-1",
        "asked-i-1",
        "plan-i-1",
    ]


async def test_only_where_a_chain_forks_it_is_shown_deeper(told: "Space") -> None:
    found = await chain.chain_of(told.login("operator"), "i-1")
    assert [len(one.children) for one in tree(found).children] == [0] * len(found.links)
    *others, last = found.links
    forked = replace(last, event=replace(last.event, cause=EventId("asked-i-1")))
    shown = tree(replace(found, links=(*others, forked))).children
    assert [len(one.children) for one in shown] == [0, 0, 2]


async def test_incidents_are_listed_by_their_latest_snapshot(told: "Space") -> None:
    found = await chain.incidents(told.login("approver"))
    assert [one.incident_id for one in found] == ["i-1", "i-2"]


@pytest.mark.parametrize("name", ["i-", "x", ""])
async def test_a_name_that_fits_none_or_several_is_told(told: "Space", name: str) -> None:
    with pytest.raises(NoSuchIncident):
        await chain.chain_of(told.login("operator"), name)


async def test_reading_ends_while_others_write(told: "Space") -> None:
    seen = 0
    async for _ in history.history(told.login("operator"), [INCIDENTS]):
        seen += 1
        again = event(f"more-{seen}", opened("i-1"), key="i-1")
        await send(told, "correlator", again, transaction=0)
    assert seen == 2
