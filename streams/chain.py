"""One incident from alert to trajectory, read back from the topics alone.

Invariant: a link is an event that is on a topic; nothing is inferred but the order: by time, and
never before its cause. The reader sees what its user may read: an operator or an auditor sees all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from agents.contracts.alert import AlertGrouped
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId
from agents.contracts.incident import IncidentSnapshot
from agents.contracts.model_base import Fact
from streams import history, topics
from streams.codec import Received
from streams.settings import KafkaSettings
from streams.topic import Key, Topic

CARRIERS: tuple[Topic, ...] = (
    topics.PLANS,
    topics.TELEMETRY,
    topics.ACTIONS_DECIDED,
    topics.FEEDBACK,
    topics.OBSERVATIONS,
    topics.ACTIONS_REQUESTED,
    topics.ACTIONS_APPROVED,
    topics.ACTIONS_REFUSED,
    topics.ACTIONS_EXECUTED,
    topics.TRAJECTORIES,
    topics.AUDIT,
    topics.DECISIONS,
    topics.MODEL_REQUESTS,
    topics.MODEL_REPLIES,
    topics.PREVIEWS_REQUESTED,
    topics.PREVIEWS_COMPLETED,
    topics.LEDGER,
)


class NoSuchIncident(Exception):
    """No incident has this id, or the beginning of several has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One event of an incident with its place; `time` is not before the time of its cause."""

    topic: str
    partition: int
    offset: int
    event: Event
    time: datetime
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """An incident's latest snapshot and its links in order."""

    incident: IncidentSnapshot
    links: tuple[Link, ...]


async def incidents(settings: KafkaSettings) -> list[IncidentSnapshot]:
    """Return the latest snapshot of every incident, oldest first."""
    latest: dict[IncidentId, IncidentSnapshot] = {}
    async for _, event in history.events(settings, [topics.INCIDENTS]):
        if isinstance(event.fact, IncidentSnapshot):
            latest[event.fact.incident_id] = event.fact
    return sorted(latest.values(), key=lambda one: (one.opened_at, one.incident_id))


async def chain_of(settings: KafkaSettings, name: str) -> Chain:
    """Return the chain of the incident whose id is, or begins with, `name`.

    Raises `NoSuchIncident` and `HistoryUnavailable`.
    """
    incident = _chosen(await incidents(settings), name)
    key = incident.incident_id
    found = [
        (received, event)
        async for received, event in history.events(
            settings,
            history.readable(settings, (topics.INCIDENTS, *CARRIERS)),
            keys={topic.name: key for topic in topics.TOPICS if topic.key is Key.INCIDENT},
            mentioning=key,
        )
        if concerns(event, key)
    ]
    alerts = await _alerts(settings, incident)
    return Chain(incident=incident, links=tuple(ordered([*alerts, *found])))


def concerns(event: Event, incident: IncidentId) -> bool:
    """Tell whether an event says that it belongs to the incident."""
    return event.incident == incident or incident_of(event.fact) == incident


def incident_of(fact: Fact) -> str | None:
    """Return the incident that a fact names, in its own fields or in what it signs."""
    named = getattr(getattr(fact, "payload", fact), "incident_id", None)
    return named if isinstance(named, str) else None


def ordered(found: Iterable[tuple[Received, Event]]) -> list[Link]:
    """Return links by time, each after its cause; of a repeated id the first is kept."""
    first: dict[EventId, tuple[Received, Event]] = {}
    for received, event in found:
        first.setdefault(event.id, (received, event))
    links: dict[EventId, Link] = {}

    def placed(received: Received, event: Event, seen: frozenset[EventId]) -> Link:
        if event.id in links:
            return links[event.id]
        time, depth = event.time, 0
        if event.cause in first and event.cause not in seen:
            cause = placed(*first[event.cause], seen | {event.id})
            time, depth = max(time, cause.time), cause.depth + 1
        return links.setdefault(
            event.id,
            Link(
                topic=received.source.topic,
                partition=received.source.partition,
                offset=received.offset,
                event=event,
                time=time,
                depth=depth,
            ),
        )

    for received, event in sorted(first.values(), key=lambda one: one[1].time):
        placed(received, event, frozenset())
    return sorted(links.values(), key=_position)


def _position(link: Link) -> tuple[datetime, int, int, str, int]:
    sequence = -1 if link.event.sequence is None else link.event.sequence
    return link.time, link.depth, sequence, link.topic, link.offset


def _chosen(known: list[IncidentSnapshot], name: str) -> IncidentSnapshot:
    fitting = [one for one in known if one.incident_id.startswith(name)]
    exact = [one for one in fitting if one.incident_id == name]
    chosen = exact or fitting
    if len(chosen) != 1:
        raise NoSuchIncident(
            f"expected one incident whose id begins with {name!r}, found {len(chosen)} of "
            f"{len(known)}: see `aoi incidents list`"
        )
    return chosen[0]


async def _alerts(
    settings: KafkaSettings, incident: IncidentSnapshot
) -> list[tuple[Received, Event]]:
    """Return the alerts that the incident names, and the release of its group."""
    wanted = {(one.fingerprint, one.starts_at) for one in incident.alerts}
    grouped = history.readable(settings, [topics.ALERTS_GROUPED])
    keys = {topics.ALERTS_GROUPED.name: incident.group}
    return [
        (received, event)
        async for received, event in history.events(settings, grouped, keys=keys)
        if concerns(event, incident.incident_id) or _is_one_of(event.fact, incident.group, wanted)
    ]


def _is_one_of(fact: Fact, group: str, wanted: set[tuple[str, datetime]]) -> bool:
    """Tell whether a fact is an alert of the incident, firing or resolved."""
    if not isinstance(fact, AlertGrouped) or fact.group != group:
        return False
    alert = fact.alert
    return (alert.fingerprint, alert.starts_at) in wanted
