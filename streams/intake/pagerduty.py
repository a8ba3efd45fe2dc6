"""PagerDuty's webhook subscriptions, version 3, with their HMAC signature.

Invariant: where secrets are configured, `verify` accepts a body only under a signature by one of
them. https://developer.pagerduty.com/docs/webhooks-overview
"""

import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256

from pydantic import Field

from agents.contracts.alert import AlertReceived, AlertStatus
from streams.intake import wire
from streams.intake.bad import BadAlert, Reason
from streams.intake.wire import Moment, Wire

FORMAT = "pagerduty"
SIGNATURE_HEADER = "x-pagerduty-signature"
SCHEME = "v1="
TRIGGERED = "incident.triggered"
REOPENED = "incident.reopened"
RESOLVED = "incident.resolved"
OLD_FORM = "messages"


class Reference(Wire):
    """A thing that an incident names."""

    id: str
    summary: str = ""


class Incident(Wire):
    """The incident of an event."""

    id: str = Field(min_length=1, max_length=200)
    title: str = ""
    created_at: Moment
    html_url: str | None = None
    urgency: str = ""
    incident_key: str | None = None
    service: Reference
    priority: Reference | None = None


class Kind(Wire):
    """The part of an event that says whether the rest concerns us."""

    event_type: str


class Announced(Wire):
    """A body of which only the kind of event is read."""

    event: Kind


class Event(Kind):
    """What happened to an incident."""

    occurred_at: Moment
    data: Incident


class Delivery(Wire):
    """The whole body."""

    event: Event


def verify(body: bytes, headers: Mapping[str, str], secrets: Iterable[bytes]) -> None:
    """Check the HMAC-SHA256 of the raw body; raises `BadAlert(bad-signature)`.

    The header lists one signature a secret while a secret is being exchanged; one match will do.
    """
    given = headers.get(SIGNATURE_HEADER, "").split(",")
    for secret in secrets:
        expected = SCHEME + hmac.new(secret, body, sha256).hexdigest()
        if any(hmac.compare_digest(expected.encode(), one.strip().encode()) for one in given):
            return
    raise BadAlert(Reason.BAD_SIGNATURE, f"no signature in {SIGNATURE_HEADER} is by a known secret")


def normalise(body: bytes, headers: Mapping[str, str]) -> list[AlertReceived]:
    """Return the alert of a delivery, none for events that neither fire nor resolve."""
    del headers
    document = wire.load(body)
    if isinstance(document, dict) and OLD_FORM in document:
        raise BadAlert(Reason.UNKNOWN_VERSION, "expected a v3 webhook, got the v2 form (messages)")
    kind = wire.shape(Announced, document).event.event_type
    if kind not in {TRIGGERED, REOPENED, RESOLVED}:
        return []
    event = wire.shape(Delivery, document).event
    return [_received(event)]


def _received(event: Event) -> AlertReceived:
    incident = event.data
    resolved, reopened = event.event_type == RESOLVED, event.event_type == REOPENED
    labels = {
        "alertname": incident.title or incident.id,
        "service": incident.service.summary or incident.service.id,
        "severity": incident.priority.summary if incident.priority else incident.urgency,
        "incident_key": incident.incident_key or "",
    }
    return wire.shape(
        AlertReceived,
        {
            "fingerprint": f"{FORMAT}/{incident.id}",
            "group": f"{FORMAT}/{incident.id}",
            "status": AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
            "labels": {name: value for name, value in labels.items() if value},
            "annotations": {"summary": incident.title} if incident.title else {},
            "starts_at": event.occurred_at if reopened else incident.created_at,
            "ends_at": event.occurred_at if resolved else None,
            "generator_url": incident.html_url,
            "source_format": FORMAT,
        },
    )
