"""The HTTP face of intake: `POST /v1/alerts/{format}` in, `alerts.grouped` out.

Invariant: 2xx means that Kafka has acknowledged every alert of the body, checked and grouped, so
they need no second look from the `alerts` topic's worker. Bad input is answered with 4xx and a
reason once its dead letter is acknowledged too; whatever Kafka did not take is 503: send it again.

    body -> token 401 -> room 429 -> size 413 -> read -> grouped + dead letters -> Kafka -> answer
"""

import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from aiohttp import web

from agents.contracts.alert import AlertGrouped
from agents.contracts.envelope import Event
from agents.worker import AoiError
from streams.intake import reading
from streams.intake.bad import BadAlert, Reason
from streams.intake.reading import Read
from streams.intake.refusal import Refusal, dead_letter
from streams.intake.settings import IntakeSettings
from streams.intake.sink import Sink

log = structlog.get_logger(__name__)

ROUTE = "/v1/alerts/{format}"
SOURCE = "aoi/intake"
BEARER = "Bearer "
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
STATUS = {
    Reason.UNKNOWN_FORMAT: 404,
    Reason.BODY_TOO_LARGE: 413,
    Reason.BAD_SIGNATURE: 401,
}


def wall_clock() -> datetime:
    """Return the time now in UTC."""
    return datetime.now(UTC)


class Gateway:
    """Handlers over a sink; `application` mounts them."""

    def __init__(
        self,
        settings: IntakeSettings,
        sink: Sink,
        *,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._clock = clock
        self._token = settings.bearer()
        self._in_flight = 0

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        application = web.Application()
        application.router.add_post(ROUTE, self.alerts)
        application.router.add_get("/live", self.live)
        application.router.add_get("/ready", self.ready)
        return application

    async def live(self, request: web.Request) -> web.Response:
        """Answer that the process runs."""
        del request
        return web.json_response({"status": "live"})

    async def ready(self, request: web.Request) -> web.Response:
        """Answer whether alerts would be taken."""
        del request
        is_ready = await self._sink.ready()
        status = "ready" if is_ready else "kafka does not answer"
        return web.json_response({"status": status}, status=200 if is_ready else 503)

    async def alerts(self, request: web.Request) -> web.Response:
        """Take one delivery."""
        if not self._known(request):
            return _answer(401, {"reason": "unauthorized", "message": "expected a bearer token"})
        if self._in_flight >= self._settings.max_in_flight:
            return self._later(429, "busy", "too many deliveries wait for Kafka")
        self._in_flight += 1
        try:
            return await self._take(request)
        except AoiError as error:
            log.warning("intake_not_acknowledged", error=str(error))
            return self._later(503, "not-acknowledged", "Kafka did not acknowledge in time")
        finally:
            self._in_flight -= 1

    def _known(self, request: web.Request) -> bool:
        if self._token is None:
            return True
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"{BEARER}{self._token}".encode())

    def _later(self, status: int, reason: str, message: str) -> web.Response:
        pause = {"Retry-After": str(self._settings.retry_after_seconds)}
        return _answer(status, {"reason": reason, "message": message}, pause)

    async def _take(self, request: web.Request) -> web.Response:
        now, source_format = self._clock(), request.match_info["format"]
        headers = {name.lower(): value for name, value in request.headers.items()}
        body, whole = await _body(request, self._settings.body_limit)
        if whole:
            found = reading.read(source_format, body, headers, now=now, settings=self._settings)
        else:
            limit = f"expected at most {self._settings.body_limit} bytes of body, got more"
            found = Read(refused=(BadAlert(Reason.BODY_TOO_LARGE, limit),))
        traceparent = _traceparent(headers)
        events = [_event(grouped, now, traceparent) for grouped in found.grouped]
        for bad in found.refused:
            refusal = Refusal(source_format=source_format, body=body, headers=headers, bad=bad)
            events.append(dead_letter(refusal, now))
        if events:
            await self._sink.publish(events)
        log.info(
            "intake_taken",
            format=source_format,
            accepted=len(found.grouped),
            refused=[str(bad.code) for bad in found.refused],
        )
        return _told(found)


async def _body(request: web.Request, limit: int) -> tuple[bytes, bool]:
    """Return the body and True, or its first `limit` bytes and False where there are more."""
    taken = bytearray()
    async for chunk in request.content.iter_any():
        taken += chunk
        if len(taken) > limit:
            return bytes(taken[:limit]), False
    return bytes(taken), True


def _traceparent(headers: dict[str, str]) -> str | None:
    given = headers.get("traceparent", "")
    return given if TRACEPARENT.fullmatch(given) else None


def _event(grouped: AlertGrouped, now: datetime, traceparent: str | None) -> Event:
    return Event(
        id=reading.identity(grouped),
        source=SOURCE,
        time=now,
        key=grouped.group,
        fact=grouped,
        traceparent=traceparent,
    )


def _told(found: Read) -> web.Response:
    if not found.refused:
        return _answer(202, {"accepted": len(found.grouped)})
    first = found.refused[0]
    return _answer(
        STATUS.get(Reason(first.code), 400),
        {
            "reason": first.code,
            "message": str(first),
            "accepted": len(found.grouped),
            "refused": [{"reason": bad.code, "message": str(bad)} for bad in found.refused],
        },
    )


def _answer(
    status: int, content: dict[str, object], headers: dict[str, str] | None = None
) -> web.Response:
    return web.json_response(content, status=status, headers=headers)
