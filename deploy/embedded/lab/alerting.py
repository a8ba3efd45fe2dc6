"""The lab's Alertmanager: alerts that its rules raise, in the webhook's version 4 format.

Invariant: an alert is posted when its state changes and stays owed until the intake has answered
2xx; one group a namespace. Times are wall time, as a real Alertmanager tells them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
import structlog

RECEIVER = "aoi"
RETRY_SECONDS = 0.5
ACCEPTED = range(200, 300)
TEMPORARY = frozenset({429, *range(500, 600)})
log = structlog.get_logger()

Alert = Mapping[str, object]


def webhook(namespace: str, alerts: Sequence[Alert]) -> dict[str, object]:
    """Return the body that Alertmanager would post for one group of alerts."""
    firing = any(alert["status"] == "firing" for alert in alerts)
    return {
        "version": "4",
        "groupKey": f'{{}}:{{namespace="{namespace}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": RECEIVER,
        "groupLabels": {"namespace": namespace},
        "commonLabels": {"namespace": namespace},
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
        "alerts": [dict(alert) for alert in alerts],
    }


@dataclass(slots=True, kw_only=True)
class Alerting:
    """What one lab's alerts were when they were last told: the alert and since when it fires."""

    told: dict[str, tuple[Alert, datetime]] = field(default_factory=dict)

    def changes(self, firing: Sequence[Alert], now: datetime) -> list[Alert]:
        """Return the alerts whose state differs from what was told, stamped with wall time."""
        present = {str(alert["fingerprint"]): alert for alert in firing}
        changed: list[Alert] = []
        for fingerprint, alert in present.items():
            if fingerprint not in self.told:
                self.told[fingerprint] = (alert, now)
                changed.append({**alert, "status": "firing", "startsAt": _stamp(now)})
        for fingerprint in [known for known in self.told if known not in present]:
            alert, started = self.told.pop(fingerprint)
            ended = {"startsAt": _stamp(started), "endsAt": _stamp(now)}
            changed.append({**alert, "status": "resolved", **ended})
        return changed


async def post(session: aiohttp.ClientSession, url: str, body: Mapping[str, object]) -> None:
    """Post a webhook until the intake accepts it; a 4xx is logged and given up.

    The intake answers 2xx only once Kafka has the alerts, so returning means that they are safe.
    """
    while True:
        try:
            async with session.post(url, json=body) as response:
                if response.status in ACCEPTED:
                    return
                text = await response.text()
                if response.status not in TEMPORARY:
                    log.error("alert_refused", status=response.status, answer=text[:300])
                    return
        except (aiohttp.ClientError, TimeoutError):
            log.warning("intake_unreachable", url=url)
        await asyncio.sleep(RETRY_SECONDS)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
