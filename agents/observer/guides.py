"""Which guidance an incident gets: the proved correction whose symptoms its alerts show.

Invariant: at most one guide, so that advice never crowds out evidence; none that has expired.
"""

import re
from datetime import datetime

from agents.contracts.guidance import GuidancePublished
from agents.contracts.incident import IncidentSnapshot

WORD = re.compile(r"[a-z]{3,}")


def choose(
    guides: tuple[GuidancePublished, ...], incident: IncidentSnapshot, now: datetime
) -> tuple[GuidancePublished, ...]:
    """Return the best guide for the incident, or none.

    A guide fits when every symptom word occurs in the alerts' names and texts; of those that fit
    the one with the most symptoms wins, the newest id breaking ties.
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
    return tuple(sorted(fitting, key=lambda g: (len(g.symptoms), g.guidance_id))[-1:])


def _alert_text(incident: IncidentSnapshot) -> str:
    return " ".join(
        text
        for alert in incident.alerts
        for text in (*alert.labels.values(), *alert.annotations.values())
    )
