"""`kubectl events`, and the Events section of `describe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.clock import age
from agents.environments.simulated.kubectl.cells_events import (
    event_object,
    first_seen,
    last_seen,
    times_seen,
)
from agents.environments.simulated.kubectl.gosort import go_sorted
from agents.environments.simulated.kubectl.output import rendered
from agents.environments.simulated.kubectl.selecting import namespace_of
from agents.environments.simulated.kubectl.tables import table
from agents.environments.simulated.objects.kinds import ALIASES, KINDS, Manifest
from agents.environments.simulated.telemetry.events import living

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster


def _seen(event: Manifest, now: float) -> str:
    """Return `5s` or `5s (x3 over 2m)`."""
    if times_seen(event) <= 1:
        return age(now - first_seen(event))
    first = age(now - first_seen(event))
    return f"{age(now - last_seen(event))} (x{times_seen(event)} over {first})"


def events(cluster: Cluster, command: Command) -> str:
    """Return the output of `kubectl events`, oldest last-seen first."""
    namespace = None if command.all_namespaces else namespace_of(command)
    found = living(cluster.store, cluster.now, namespace)
    about = command.flag("for")
    if about:
        kind, _, name = about.partition("/")
        wanted = KINDS[ALIASES.get(kind.lower(), "pods")].name
        found = [
            item
            for item in found
            if item["involvedObject"]["kind"] == wanted and item["involvedObject"]["name"] == name
        ]
    types = command.flag("types")
    if types:
        found = [item for item in found if item["type"] in types.split(",")]
    found = go_sorted(found, lambda one, other: last_seen(one) < last_seen(other))
    if command.flag("output"):
        return rendered(found, command.flag("output") or "", single=False)
    if not found:
        where = "" if namespace is None else f" in {namespace} namespace."
        return f"No events found{where or '.'}\n"
    header = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    rows = [] if command.flag("no-headers") == "true" else [header]
    for item in found:
        row = [
            _seen(item, cluster.now),
            item["type"],
            item["reason"],
            _spelled(item),
            item["message"],
        ]
        rows.append(row)
    if command.all_namespaces:
        spaces = [item["metadata"]["namespace"] for item in found]
        head = ["NAMESPACE"] * (len(rows) > len(found))
        rows = [[space, *row] for space, row in zip(head + spaces, rows, strict=True)]
    return table(rows)


def _spelled(item: Manifest) -> str:
    involved = item["involvedObject"]
    return f"{involved['kind']}/{involved['name']}" if involved else event_object(item)


def section(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the Events lines of a description."""
    metadata = item["metadata"]
    known = (metadata["uid"], metadata["name"]) if item["kind"] == "Node" else (metadata["uid"],)
    found = [
        event
        for event in living(cluster.store, cluster.now)
        if event["involvedObject"].get("uid") in known
    ]
    if not found:
        return ["Events:\t<none>"]
    found = go_sorted(found, lambda one, other: _last(one) < _last(other))
    lines = [
        "Events:",
        "  Type\tReason\tAge\tFrom\tMessage",
        "  ----\t------\t----\t----\t-------",
    ]
    for event in found:
        source = (event.get("source") or {}).get("component") or event.get("reportingComponent", "")
        where = event["involvedObject"].get("fieldPath")
        message = f"{where}: {event['message'].strip()}" if where else event["message"].strip()
        seen = _seen(event, cluster.now)
        lines.append(f"  {event['type']}\t{event['reason']}\t{seen}\t{source}\t{message}")
    return lines


def _last(event: Manifest) -> str:
    """Return the last timestamp, as an event of the new kind does not have it."""
    return str(event.get("lastTimestamp") or "")
