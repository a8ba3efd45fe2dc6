"""`kubectl events`, and the Events section of `describe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.clock import age, seconds_of
from agents.environments.simulated.kubectl.columns import event_object
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
    last = age(now - seconds_of(event["lastTimestamp"]))
    if event["count"] <= 1:
        return last
    first = age(now - seconds_of(event["firstTimestamp"]))
    return f"{last} (x{event['count']} over {first})"


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
    found.sort(key=lambda item: str(item["lastTimestamp"]))
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
    uid = item["metadata"]["uid"]
    found = [
        event
        for event in living(cluster.store, cluster.now)
        if event["involvedObject"]["uid"] == uid
    ]
    if not found:
        return ["Events:\t<none>"]
    found.sort(key=lambda event: str(event["lastTimestamp"]))
    lines = [
        "Events:",
        "  Type\tReason\tAge\tFrom\tMessage",
        "  ----\t------\t----\t----\t-------",
    ]
    lines += [
        f"  {event['type']}\t{event['reason']}\t{_seen(event, cluster.now)}\t"
        f"{event['source']['component']}\t{event['message']}"
        for event in found
    ]
    return lines
