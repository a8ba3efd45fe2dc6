"""Grafana's webhook contact point, version 1: Alertmanager's shape with measured values added.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/
"""

from collections.abc import Mapping

import orjson
from pydantic import Field, JsonValue

from agents.contracts.alert import AlertReceived
from streams.intake import alertmanager, wire
from streams.intake.bad import BadAlert, Reason
from streams.intake.wire import Wire

FORMAT = "grafana"
VERSION = "1"
VALUES = "grafana_values"


class Alert(alertmanager.Alert):
    """An alert with the values of its expressions and the page that shows them."""

    values: dict[str, JsonValue] | None = None
    valueString: str = ""  # noqa: N815 - the sender's name
    panelURL: str = ""  # noqa: N815 - the sender's name


class Notification(Wire):
    """The whole body; `orgId` tells the group keys of two organisations apart."""

    groupKey: str = Field(min_length=1)  # noqa: N815 - the sender's name
    orgId: int = 1  # noqa: N815 - the sender's name
    alerts: tuple[Alert, ...]


def normalise(body: bytes, headers: Mapping[str, str]) -> list[AlertReceived]:
    """Return the alerts of a notification; raises `BadAlert`."""
    del headers
    document = wire.load(body)
    version = wire.shape(alertmanager.Versioned, document).version
    if version != VERSION:
        raise BadAlert(
            Reason.UNKNOWN_VERSION, f"expected version {VERSION!r}, got {version[:40]!r}"
        )
    notification = wire.shape(Notification, document)
    group = f"org{notification.orgId}/{notification.groupKey}"
    return [alertmanager.received(_told(alert), group, FORMAT) for alert in notification.alerts]


def _told(alert: Alert) -> Alert:
    """Return the alert with its values as an annotation, so that the Observer sees them."""
    if alert.values is not None:
        told = orjson.dumps(alert.values, option=orjson.OPT_SORT_KEYS).decode()
    else:
        told = alert.valueString
    if not told:
        return alert
    return alert.model_copy(update={"annotations": {**alert.annotations, VALUES: told}})
