"""From bytes of any format to checked, grouped alerts: the one path that HTTP and topic share.

Invariant: an alert comes out checked and grouped, or its `BadAlert` comes out beside the others:
one bad alert in a notification does not cost the good ones.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from agents.contracts.alert import AlertGrouped, AlertReceived
from agents.contracts.ids import EventId, event_id
from streams.intake import (
    alertmanager,
    checks,
    cloudevents,
    grafana,
    grouping,
    native,
    opsgenie,
    pagerduty,
    redaction,
)
from streams.intake.bad import BadAlert, Reason
from streams.intake.settings import IntakeSettings

Normaliser = Callable[[bytes, Mapping[str, str]], list[AlertReceived]]

FORMATS: dict[str, Normaliser] = {
    alertmanager.FORMAT: alertmanager.normalise,
    grafana.FORMAT: grafana.normalise,
    pagerduty.FORMAT: pagerduty.normalise,
    opsgenie.FORMAT: opsgenie.normalise,
    cloudevents.FORMAT: cloudevents.normalise,
    native.FORMAT: native.normalise,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What one delivery held."""

    grouped: tuple[AlertGrouped, ...] = ()
    refused: tuple[BadAlert, ...] = ()


def read(
    source_format: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    now: datetime,
    settings: IntakeSettings,
) -> Read:
    """Read a delivery; a fault of the whole is one refusal. Header names are in lower case."""
    try:
        alerts = _normalised(source_format, body, headers, settings)
    except BadAlert as bad:
        return Read(refused=(bad,))
    return check(alerts, now=now, settings=settings)


def _normalised(
    source_format: str, body: bytes, headers: Mapping[str, str], settings: IntakeSettings
) -> list[AlertReceived]:
    normalise = FORMATS.get(source_format)
    if normalise is None:
        raise BadAlert(
            Reason.UNKNOWN_FORMAT,
            f"expected one of {', '.join(FORMATS)}, got {source_format[:40]!r}",
        )
    if source_format == pagerduty.FORMAT and settings.pagerduty_secrets:
        secrets = [one.get_secret_value().encode() for one in settings.pagerduty_secrets]
        pagerduty.verify(body, headers, secrets)
    return normalise(body, headers)


def check(alerts: Iterable[AlertReceived], *, now: datetime, settings: IntakeSettings) -> Read:
    """Check and group each alert by itself."""
    good: list[AlertGrouped] = []
    bad: list[BadAlert] = []
    for alert in alerts:
        try:
            good.append(group(alert, now=now, settings=settings))
        except BadAlert as refusal:
            bad.append(refusal)
    return Read(grouped=tuple(good), refused=tuple(bad))


def group(alert: AlertReceived, *, now: datetime, settings: IntakeSettings) -> AlertGrouped:
    """Return one alert checked, grouped and redacted; raises `BadAlert`."""
    sound = checks.accepted(alert, now=now, skew=settings.skew)
    settled = redaction.clean(
        checks.fitting(grouping.settled(sound, settings.group_labels), limit=settings.labels_limit)
    )
    return AlertGrouped(group=settled.group, alert=settled)


def identity(grouped: AlertGrouped) -> EventId:
    """Return the id of the fact: the same for a repeated notification, over HTTP or the topic."""
    alert = grouped.alert
    return event_id(
        grouped.group,
        AlertGrouped.__name__,
        alert.fingerprint,
        alert.starts_at.isoformat(),
        alert.status,
    )
