"""Intake on a real broker: what is good arrives once, what is bad is told and disturbs nothing."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from agents.contracts.alert import AlertGrouped
from agents.contracts.audit import DeadLettered
from streams import history, login
from streams.codec import rfc3339
from streams.intake.server import served
from streams.intake.settings import IntakeSettings
from streams.intake.worker import IntakeWorker
from streams.topics import ALERTS, ALERTS_GROUPED, DEADLETTERS
from streams.workers.host import WorkerHost

if TYPE_CHECKING:
    from conftest import Space

pytestmark = pytest.mark.kafka
Headers = list[tuple[str, bytes]]


def alert(**changes: object) -> dict[str, object]:
    started = datetime.now(UTC) - timedelta(minutes=1)
    whole = {
        "fingerprint": "f",
        "group": "g",
        "status": "firing",
        "labels": {"namespace": "shop"},
        "starts_at": rfc3339(started),
    }
    return whole | changes


def body(**changes: object) -> bytes:
    return json.dumps(alert(**changes)).encode()


def lacking(name: str) -> bytes:
    return json.dumps({key: value for key, value in alert().items() if key != name}).encode()


async def grouped(space: "Space") -> list[AlertGrouped]:
    found = history.events(space.login("operator"), [ALERTS_GROUPED])
    return [event.fact async for _, event in found if isinstance(event.fact, AlertGrouped)]


async def dead(space: "Space") -> list[DeadLettered]:
    found = history.events(space.login("operator"), [DEADLETTERS])
    return [event.fact async for _, event in found if isinstance(event.fact, DeadLettered)]


@pytest.fixture
async def gateway(space: "Space") -> AsyncIterator[str]:
    async with served(IntakeSettings(port=0), space.login("intake")) as url:
        yield url


async def post(url: str, source_format: str, content: bytes) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/alerts/{source_format}", data=BytesIO(content)) as answer,
    ):
        return answer.status, await answer.json()


FUTURE = rfc3339(datetime.now(UTC) + timedelta(hours=1))
OLD_FORM = json.dumps({"version": "3", "groupKey": "g", "alerts": []}).encode()
BAD_DELIVERIES = {
    "not JSON": ("aoi", b"on fire", 400, "not-json"),
    "lacks a field": ("aoi", lacking("starts_at"), 400, "missing-field"),
    "future time": ("aoi", body(starts_at=FUTURE), 400, "future-time"),
    "300 kB of labels": ("aoi", body(labels={"a": "x" * 300_000}), 400, "labels-too-large"),
    "1 MB of labels": ("aoi", body(labels={"a": "x" * 1_048_576}), 413, "body-too-large"),
    "unknown version": ("alertmanager", OLD_FORM, 400, "unknown-version"),
    "unknown format": ("nagios", b"{}", 404, "unknown-format"),
}


async def test_bad_deliveries_are_told_and_disturb_nothing(space: "Space", gateway: str) -> None:
    for number, (source_format, content, status, reason) in enumerate(BAD_DELIVERIES.values()):
        assert (await post(gateway, "aoi", body(fingerprint=f"before-{number}")))[0] == 202
        answered, told = await post(gateway, source_format, content)
        assert (answered, told["reason"]) == (status, reason)
        assert told["message"]
    assert (await post(gateway, "aoi", body(fingerprint="after")))[0] == 202
    letters = await dead(space)
    assert [one.reason for one in letters] == [case[3] for case in BAD_DELIVERIES.values()]
    assert all(one.partition == -1 for one in letters)
    arrived = {one.alert.fingerprint for one in await grouped(space)}
    assert arrived == {f"before-{number}" for number in range(len(BAD_DELIVERIES))} | {"after"}


async def test_an_acknowledged_alert_is_on_the_topic(space: "Space", gateway: str) -> None:
    assert await post(gateway, "aoi", body(fingerprint="one")) == (202, {"accepted": 1})
    (found,) = await grouped(space)
    assert (found.group, found.alert.fingerprint) == ("g", "one")


async def test_the_gateway_tells_that_it_is_ready(gateway: str) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("/live", "/ready"):
            async with session.get(f"{gateway}{path}") as answer:
                assert answer.status == 200


def attributes(number: int, **changes: str | None) -> Headers:
    whole: dict[str, str | None] = {
        "ce_specversion": "1.0",
        "ce_id": f"e-{number}",
        "ce_type": "dev.aoi.AlertReceived.v1",
        "ce_source": "/tests",
    }
    return [(name, text.encode()) for name, text in (whole | changes).items() if text is not None]


BAD_RECORDS = {
    "not JSON": (b"on fire", {}, "not-json"),
    "lacks a field": (lacking("group"), {}, "invalid-fact"),
    "lacks the type": (body(), {"ce_type": None}, "missing-attribute"),
    "unknown version": (body(), {"ce_type": "dev.aoi.AlertReceived.v9"}, "unknown-version"),
    "another fact": (body(), {"ce_type": "dev.aoi.PlanProposed.v1"}, "wrong-topic"),
    "future time": (body(starts_at=FUTURE), {}, "future-time"),
    "from the future": (body(), {"ce_time": FUTURE}, "future-time"),
    "300 kB of labels": (body(labels={"a": "x" * 300_000}), {}, "labels-too-large"),
    "unknown task": (body(labels={"aoi_task": "dance"}), {}, "unknown-task"),
}


async def test_bad_records_become_dead_letters_and_good_ones_go_on(space: "Space") -> None:
    kafka = space.login("producer")
    async with AIOKafkaProducer(**login.aiokafka(kafka)) as producer:
        topic = kafka.topic(ALERTS.name)
        for number, (value, changes, _) in enumerate(BAD_RECORDS.values()):
            good = body(fingerprint=f"good-{number}")
            await producer.send_and_wait(topic, good, headers=attributes(number), partition=0)
            headers = attributes(100 + number, **changes)
            await producer.send_and_wait(topic, value, headers=headers, partition=0)
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(topic, body(labels={"a": "x" * 1_048_576}))
    await work_through(space)
    letters = {one.offset: one for one in await dead(space)}
    assert [letters[offset].reason for offset in sorted(letters)] == [
        reason for _, _, reason in BAD_RECORDS.values()
    ]
    assert {one.source_topic for one in letters.values()} == {ALERTS.name}
    arrived = [one.alert.fingerprint for one in await grouped(space)]
    assert sorted(arrived) == sorted(f"good-{number}" for number in range(len(BAD_RECORDS)))


async def work_through(space: "Space") -> None:
    """Answer every record of `alerts` with the intake's own login."""
    kafka = space.login("intake")
    host = WorkerHost(IntakeWorker(IntakeSettings()), kafka)
    stopped: list[Exception] = []

    async def stop(error: Exception) -> None:
        stopped.append(error)

    async def commit(_: object) -> bool:
        return True

    await host.start(stop, commit)
    async for received in history.history(kafka, [ALERTS]):
        await host.take(received)
    await host.close()
    assert stopped == []
