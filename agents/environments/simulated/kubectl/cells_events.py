"""The columns of events, by their old fields (first and last timestamp, count) or the new ones."""

from agents.environments.simulated.clock import age, moment_of
from agents.environments.simulated.kubectl.cells import Columns
from agents.environments.simulated.objects.kinds import Manifest


def first_seen(item: Manifest) -> float:
    """Return the moment of an event's first sight, by the old fields or the new."""
    text = item.get("firstTimestamp") or item.get("eventTime")
    return moment_of(text) if text else 0.0


def last_seen(item: Manifest) -> float:
    """Return the moment of an event's last sight, by the old fields or the new."""
    series = item.get("series")
    text = series["lastObservedTime"] if series else item.get("lastTimestamp")
    return moment_of(text) if text else first_seen(item)


def times_seen(item: Manifest) -> int:
    """Return how often an event was seen; one that does not say was seen once."""
    series = item.get("series")
    return int(series["count"]) if series else int(item.get("count") or 1)


def event_object(item: Manifest) -> str:
    """Return `pod/name` of what an event is about."""
    involved = item["involvedObject"]
    return f"{involved['kind'].lower()}/{involved['name']}"


def _event(item: Manifest, now: float) -> list[str]:
    return [
        age(now - last_seen(item)),
        item["type"],
        item["reason"],
        event_object(item),
        item["message"].strip(),
    ]


def _event_wide(item: Manifest, now: float) -> list[str]:
    source = item.get("source") or {}
    component = source.get("component") or item.get("reportingComponent", "")
    host = source.get("host") or item.get("reportingInstance", "")
    *narrow, message = _event(item, now)
    return [
        *narrow,
        item["involvedObject"].get("fieldPath", ""),
        f"{component}, {host}" if host else component,
        message,
        age(now - first_seen(item)),
        str(times_seen(item)),
        item["metadata"]["name"],
    ]


EVENTS = Columns(header=("LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"), cells=_event)
EVENTS_WIDE = Columns(
    header=(
        "LAST SEEN",
        "TYPE",
        "REASON",
        "OBJECT",
        "SUBOBJECT",
        "SOURCE",
        "MESSAGE",
        "FIRST SEEN",
        "COUNT",
        "NAME",
    ),
    cells=_event_wide,
)
