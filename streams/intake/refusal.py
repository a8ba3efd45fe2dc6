"""The dead letter of a delivery that came over HTTP.

Invariant: it carries the sender's bytes as they came, up to what a record can hold, and no secret:
authorisation headers stay out.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from agents.contracts.audit import DeadLettered
from agents.contracts.envelope import Event
from agents.contracts.ids import event_id
from agents.roles import Role
from streams.deadletter import MAX_KEPT_BYTES
from streams.intake.bad import BadAlert

KEPT_HEADERS = frozenset({"content-type", "user-agent", "traceparent", "x-pagerduty-signature"})
HEADER_PREFIX = "ce-"
NO_PARTITION = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A delivery and what is wrong with it."""

    source_format: str
    body: bytes
    headers: Mapping[str, str]
    bad: BadAlert


def dead_letter(refusal: Refusal, now: datetime) -> Event:
    """Return the dead letter; the same delivery refused for the same reason has the same id."""
    source = f"http/v1/alerts/{refusal.source_format[:64]}"
    kept = refusal.body[:MAX_KEPT_BYTES]
    cut = len(refusal.body) - len(kept)
    message = str(refusal.bad)
    if cut:
        message = f"{message} (the last {cut} of {len(refusal.body)} bytes received are not kept)"
    fact = DeadLettered(
        source_topic=source,
        partition=NO_PARTITION,
        offset=NO_PARTITION,
        key=None,
        value=b64encode(kept).decode(),
        headers=tuple(
            (name, b64encode(value.encode()).decode())
            for name, value in sorted(refusal.headers.items())
            if name in KEPT_HEADERS or name.startswith(HEADER_PREFIX)
        ),
        reason=refusal.bad.code,
        message=message,
        role=Role.INTAKE,
    )
    digest = sha256(refusal.body).hexdigest()
    return Event(
        id=event_id(source, DeadLettered.__name__, digest, refusal.bad.code, message),
        source=f"aoi/{Role.INTAKE}",
        time=now,
        key=source,
        fact=fact,
    )
