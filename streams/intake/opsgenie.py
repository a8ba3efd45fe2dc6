"""Opsgenie's outgoing webhook: `Create` fires, `Close` and `Delete` resolve, the rest is no alert.

https://support.atlassian.com/opsgenie/docs/opsgenie-edge-connector-alert-action-data/
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from agents.contracts.alert import AlertReceived, AlertStatus
from streams.intake import grouping, wire
from streams.intake.wire import Wire

FORMAT = "opsgenie"
FIRING = "Create"
RESOLVED = frozenset({"Close", "Delete"})
NANOSECONDS_FROM = 10**17
MILLISECONDS_FROM = 10**11


def _moment(value: object) -> datetime:
    """Read seconds, milliseconds (`createdAt`) or nanoseconds (`updatedAt`) since the epoch."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("expected an integer: time since the epoch")  # noqa: TRY004 - pydantic's
    if value >= NANOSECONDS_FROM:
        seconds = value / 1e9
    elif value >= MILLISECONDS_FROM:
        seconds = value / 1e3
    else:
        seconds = float(value)
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("expected a time that UTC can express") from error


Epoch = Annotated[datetime, BeforeValidator(_moment)]


class Alert(Wire):
    """The alert of an action; `details` become labels, so that they can name a namespace."""

    alertId: str = Field(min_length=1, max_length=200)  # noqa: N815 - the sender's name
    message: str
    alias: str = ""
    description: str = ""
    entity: str = ""
    source: str = ""
    priority: str = ""
    tags: tuple[str, ...] = ()
    details: dict[str, str] = Field(default_factory=dict)
    createdAt: Epoch  # noqa: N815 - the sender's name
    updatedAt: Epoch | None = None  # noqa: N815 - the sender's name


class Announced(Wire):
    """The part of a body that says whether the rest concerns us."""

    action: str


class Delivery(Announced):
    """The whole body."""

    alert: Alert


def normalise(body: bytes, headers: Mapping[str, str]) -> list[AlertReceived]:
    """Return the alert of a delivery, none for actions that neither fire nor resolve."""
    del headers
    document = wire.load(body)
    action = wire.shape(Announced, document).action
    if action != FIRING and action not in RESOLVED:
        return []
    return [_received(wire.shape(Delivery, document))]


def _received(delivery: Delivery) -> AlertReceived:
    alert, resolved = delivery.alert, delivery.action in RESOLVED
    ours = {
        "alertname": alert.message,
        "severity": alert.priority,
        "entity": alert.entity,
        "source": alert.source,
        "tags": ",".join(alert.tags),
    }
    notes = {"summary": alert.message, "description": alert.description}
    return wire.shape(
        AlertReceived,
        {
            "fingerprint": f"{FORMAT}/{alert.alertId}",
            "group": grouping.bounded(f"{FORMAT}/{alert.alias or alert.alertId}"),
            "status": AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
            "labels": {name: text for name, text in ours.items() if text} | alert.details,
            "annotations": {name: text for name, text in notes.items() if text},
            "starts_at": alert.createdAt,
            "ends_at": alert.updatedAt if resolved else None,
            "source_format": FORMAT,
        },
    )
