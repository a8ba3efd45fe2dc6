"""The topic's face: validated, re-keyed, or poison with the reason."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.contracts.alert import AlertGrouped, AlertReceived, AlertStatus, GroupReleased
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId
from agents.contracts.model_base import Fact
from agents.worker import Poison
from streams.intake.settings import IntakeSettings
from streams.intake.worker import IntakeWorker

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WORKER = IntakeWorker(IntakeSettings(), clock=lambda: NOW)


def alert(**changes: object) -> AlertReceived:
    fields = {
        "fingerprint": "f",
        "group": "g",
        "status": AlertStatus.FIRING,
        "labels": {"namespace": "shop"},
        "starts_at": NOW - timedelta(minutes=1),
    }
    return AlertReceived.model_validate(fields | changes)


def event(fact: Fact, *, key: str = "anything", time: datetime = NOW) -> Event:
    return Event(id=EventId("e"), source="/outside", time=time, key=key, fact=fact)


async def test_an_alert_is_keyed_by_its_group_whatever_key_it_had() -> None:
    (output,) = await WORKER.handle(event(alert(), key="other"))
    assert output.key == "g"
    assert isinstance(output.fact, AlertGrouped)
    assert output.fact.alert.labels["aoi_task"] == "mitigation"


async def test_a_redelivery_repeats_the_output() -> None:
    assert await WORKER.handle(event(alert())) == await WORKER.handle(event(alert()))


async def test_a_sender_can_not_pass_for_another_intake() -> None:
    (output,) = await WORKER.handle(event(alert(source_format="pagerduty")))
    assert isinstance(output.fact, AlertGrouped)
    assert output.fact.alert.source_format == "aoi"


@pytest.mark.parametrize(
    ("fact", "time", "code"),
    [
        (alert(starts_at=NOW + timedelta(minutes=6)), NOW, "future-time"),
        (alert(), NOW + timedelta(minutes=6), "future-time"),
        (alert(labels={"aoi_task": "?"}), NOW, "unknown-task"),
        (alert(labels={"a": "x" * 300_000}), NOW, "labels-too-large"),
    ],
)
async def test_a_bad_alert_is_poison(fact: AlertReceived, time: datetime, code: str) -> None:
    with pytest.raises(Poison) as caught:
        await WORKER.handle(event(fact, time=time))
    assert caught.value.code == code


async def test_other_facts_are_not_for_intake() -> None:
    released = GroupReleased(group="g", incident_id="i", outcome="success", reason="")
    assert await WORKER.handle(event(released)) == ()
