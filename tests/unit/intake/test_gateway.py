"""The HTTP face over a fake sink: what is answered, what is published, and when."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr, ValidationError

from agents.contracts.alert import AlertGrouped
from agents.contracts.audit import DeadLettered
from agents.contracts.envelope import Event
from agents.worker import Transient
from streams.intake.gateway import Gateway
from streams.intake.settings import IntakeSettings

FOLDER = Path(__file__).parents[2] / "fixtures" / "intake"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GOOD = (FOLDER / "alertmanager" / "two_namespaces.json").read_bytes()


class FakeSink:
    """Keeps what it is given; can be slow or broken."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.broken = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def publish(self, events: Sequence[Event]) -> None:
        """Keep the events, when it may."""
        await self.gate.wait()
        if self.broken:
            raise Transient("no broker")
        self.events.extend(events)

    async def ready(self) -> bool:
        """Tell whether it works."""
        return not self.broken


class Face:
    """A served gateway and its sink."""

    def __init__(self, client: TestClient, sink: FakeSink) -> None:
        self.client = client
        self.sink = sink


@pytest.fixture
async def face(request: pytest.FixtureRequest) -> AsyncIterator[Face]:
    settings = getattr(request, "param", IntakeSettings())
    sink = FakeSink()
    application = Gateway(settings, sink, clock=lambda: NOW).application()
    async with TestClient(TestServer(application)) as client:
        yield Face(client, sink)


async def test_accepted_alerts_are_published_before_the_answer(face: Face) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await face.client.post(
        "/v1/alerts/alertmanager", data=GOOD, headers={"traceparent": trace}
    )
    assert answer.status == 202
    assert await answer.json() == {"accepted": 2}
    first, second = face.sink.events
    assert isinstance(first.fact, AlertGrouped)
    assert first.key == first.fact.group
    assert first.key != second.key
    assert (first.time, first.traceparent) == (NOW, trace)


async def test_no_answer_before_kafka_acknowledged(face: Face) -> None:
    face.sink.gate.clear()
    waiting = asyncio.ensure_future(face.client.post("/v1/alerts/alertmanager", data=GOOD))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    face.sink.gate.set()
    assert (await waiting).status == 202


async def test_what_kafka_does_not_take_is_to_be_sent_again(face: Face) -> None:
    face.sink.broken = True
    for body in (GOOD, b"not json"):
        answer = await face.client.post("/v1/alerts/alertmanager", data=body)
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "2"
    assert (await face.client.get("/ready")).status == 503
    assert (await face.client.get("/live")).status == 200


async def test_bad_input_is_answered_with_its_reason_and_dead_lettered(face: Face) -> None:
    answer = await face.client.post(
        "/v1/alerts/alertmanager", data=b"not json", headers={"Authorization": "Bearer secret"}
    )
    assert answer.status == 400
    content = await answer.json()
    assert content["reason"] == "not-json"
    (event,) = face.sink.events
    assert isinstance(event.fact, DeadLettered)
    assert event.fact.reason == "not-json"
    assert event.fact.value == "bm90IGpzb24="
    assert "authorization" not in dict(event.fact.headers)


async def test_a_partly_bad_delivery_says_what_was_taken(face: Face) -> None:
    body = GOOD.replace(b"2026-11-20T12:01:00+02:00", b"2036-11-20T12:01:00+02:00")
    answer = await face.client.post("/v1/alerts/alertmanager", data=body)
    content = await answer.json()
    assert (answer.status, content["accepted"], content["reason"]) == (400, 1, "future-time")
    assert [type(event.fact) for event in face.sink.events] == [AlertGrouped, DeadLettered]


async def test_an_unknown_format_is_not_found(face: Face) -> None:
    answer = await face.client.post("/v1/alerts/nagios", data=b"{}")
    assert (answer.status, (await answer.json())["reason"]) == (404, "unknown-format")


@pytest.mark.parametrize("face", [IntakeSettings(body_limit=2048)], indirect=True)
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_too_large(face: Face, *, chunked: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1024

    body = chunks() if chunked else b"x" * 4096
    answer = await face.client.post("/v1/alerts/aoi", data=body)
    assert (answer.status, (await answer.json())["reason"]) == (413, "body-too-large")
    (event,) = face.sink.events
    assert isinstance(event.fact, DeadLettered)
    assert len(event.fact.value) < 4096


@pytest.mark.parametrize("face", [IntakeSettings(max_in_flight=1)], indirect=True)
async def test_back_pressure_is_told_with_a_pause(face: Face) -> None:
    face.sink.gate.clear()
    first = asyncio.ensure_future(face.client.post("/v1/alerts/alertmanager", data=GOOD))
    await asyncio.sleep(0.1)
    second = await face.client.post("/v1/alerts/alertmanager", data=GOOD)
    assert (second.status, second.headers["Retry-After"]) == (429, "2")
    face.sink.gate.set()
    assert (await first).status == 202
    assert (await face.client.post("/v1/alerts/alertmanager", data=GOOD)).status == 202


@pytest.mark.parametrize(
    "face", [IntakeSettings(host="0.0.0.0", token=SecretStr("t"))], indirect=True
)
async def test_a_token_guards_alerts_and_nothing_unknown_is_kept(face: Face) -> None:
    for headers in ({}, {"Authorization": "Bearer u"}, {"Authorization": "t"}):
        answer = await face.client.post("/v1/alerts/aoi", data=b"x", headers=headers)
        assert answer.status == 401
    assert face.sink.events == []
    right = {"Authorization": "Bearer t"}
    answer = await face.client.post("/v1/alerts/alertmanager", data=GOOD, headers=right)
    assert answer.status == 202


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.4", "aoi.example"])
def test_beyond_loopback_a_token_is_required(host: str) -> None:
    with pytest.raises(ValidationError, match="expected a token"):
        IntakeSettings(host=host)
    assert not IntakeSettings(host=host, token=SecretStr("t")).loopback


async def test_a_sender_that_signs_wrongly_is_unauthorised(face: Face) -> None:
    settings = IntakeSettings(pagerduty_secrets=(SecretStr("s"),))
    application = Gateway(settings, face.sink, clock=lambda: NOW).application()
    async with TestClient(TestServer(application)) as client:
        answer = await client.post("/v1/alerts/pagerduty", data=b"{}")
        assert (answer.status, (await answer.json())["reason"]) == (401, "bad-signature")
