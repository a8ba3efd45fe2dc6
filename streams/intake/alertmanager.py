"""Prometheus Alertmanager's webhook, version 4.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from agents.contracts.alert import AlertReceived, AlertStatus
from streams.intake import grouping, wire
from streams.intake.bad import BadAlert, Reason
from streams.intake.wire import Moment, Wire

FORMAT = "alertmanager"
VERSION = "4"


class Versioned(Wire):
    """What is read first, so that another version is told apart from a broken document."""

    version: str


class Alert(Wire):
    """One alert of a notification; `endsAt` in the year 1 means that it has not ended."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    startsAt: Moment  # noqa: N815 - the sender's name
    endsAt: Moment | None = None  # noqa: N815 - the sender's name
    generatorURL: str | None = None  # noqa: N815 - the sender's name
    fingerprint: str | None = None


class Notification(Wire):
    """The whole body."""

    groupKey: str = Field(min_length=1)  # noqa: N815 - the sender's name
    alerts: tuple[Alert, ...]


def normalise(body: bytes, headers: Mapping[str, str]) -> list[AlertReceived]:
    """Return the alerts of a notification; raises `BadAlert`."""
    del headers
    document = wire.load(body)
    version = wire.shape(Versioned, document).version
    if version != VERSION:
        raise BadAlert(
            Reason.UNKNOWN_VERSION, f"expected version {VERSION!r}, got {version[:40]!r}"
        )
    notification = wire.shape(Notification, document)
    return [received(alert, notification.groupKey, FORMAT) for alert in notification.alerts]


def received(alert: Alert, group_key: str, source_format: str) -> AlertReceived:
    """Return an alert of Alertmanager, or of one that speaks like it, as AOI's own."""
    resolved = alert.status == "resolved"
    return wire.shape(
        AlertReceived,
        {
            "fingerprint": alert.fingerprint or wire.fingerprint_of(alert.labels),
            "group": grouping.bounded(group_key),
            "status": AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
            "labels": alert.labels,
            "annotations": alert.annotations,
            "starts_at": alert.startsAt,
            "ends_at": alert.endsAt if resolved else None,
            "generator_url": alert.generatorURL or None,
            "source_format": source_format,
        },
    )
