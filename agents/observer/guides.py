"""Which guidance an incident gets: the proved correction whose symptoms its alerts show.

Invariant: at most one guide, so that advice never crowds out evidence; none that has expired.
Symptoms are words of a closed list, so that no alert's text and no name can ride on one.
"""

import re
from datetime import datetime

from agents.contracts.guidance import GuidancePublished
from agents.contracts.incident import IncidentSnapshot

WORD = re.compile(r"[a-z]{3,}")

SYMPTOMS = frozenset(
    {"error", "errors", "ratio", "rate", "success", "failing", "failed", "failure", "failures"}
    | {"latency", "slow", "duration", "timeout", "timeouts", "quantile", "percentile"}
    | {"unavailable", "unreachable", "availability", "down", "absent", "missing", "refused"}
    | {"restart", "restarts", "restarting", "crash", "crashloop", "crashlooping", "waiting"}
    | {"pending", "unready", "ready", "unschedulable", "replicas", "mismatch", "evicted"}
    | {"memory", "cpu", "disk", "saturation", "throttling", "oom", "queue", "lag", "backlog"}
    | {"budget", "burn", "slo", "certificate", "expired", "denied", "unauthorized", "dropped"}
)
"""The words of alerts that tell a symptom; a rule's metric and its condition are made of them."""
KINDS_OF_ALERT = frozenset({"alertname", "severity", "aoi_task"})
"""Labels that name no instance."""


def choose(
    guides: tuple[GuidancePublished, ...], incident: IncidentSnapshot, now: datetime
) -> tuple[GuidancePublished, ...]:
    """Return the best guide for the incident, or none.

    A guide fits when every symptom word occurs in the alerts' names and texts; of those that fit
    the one with the highest proved gain wins, then the one with the most symptoms, then the last
    by its id.
    """
    seen = set(WORD.findall(_alert_text(incident).lower()))
    fitting = [
        guide
        for guide in guides
        if guide.proved
        and guide.task is incident.task
        and guide.expires > now
        and guide.symptoms
        and all(set(WORD.findall(symptom.lower())) <= seen for symptom in guide.symptoms)
    ]
    return tuple(sorted(fitting, key=_rank)[-1:])


def symptoms_of(incident: IncidentSnapshot) -> tuple[str, ...]:
    """Return the symptom words of the alerts' descriptions, each once, in their order.

    A description is its rule's own text and alike for all incidents of it; a summary stands in
    where there is none. A word that is part of an instance label's value is left out.
    """
    named = {
        word
        for alert in incident.alerts
        for key, value in alert.labels.items()
        if key not in KINDS_OF_ALERT
        for word in WORD.findall(value.lower())
    }
    texts = (
        alert.annotations.get("description") or alert.annotations.get("summary") or ""
        for alert in incident.alerts
    )
    words = (word for text in texts for word in WORD.findall(text.lower()))
    return tuple(dict.fromkeys(word for word in words if word in SYMPTOMS and word not in named))


def _rank(guide: GuidancePublished) -> tuple[float, int, str]:
    return guide.gain, len(guide.symptoms), guide.guidance_id


def _alert_text(incident: IncidentSnapshot) -> str:
    return " ".join(
        text
        for alert in incident.alerts
        for text in (*alert.labels.values(), *alert.annotations.values())
    )
