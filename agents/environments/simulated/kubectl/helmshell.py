"""The helm of the lab's shell: what it answers, in the tables and the words of helm.

Invariant: everything printed is read from the releases that the cluster keeps.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from agents.environments.simulated.clock import instant, rfc3339
from agents.environments.simulated.dice import draw
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.helm import NOT_FOUND, history_of, roll_back, upgrade
from agents.environments.simulated.kubectl.output import as_yaml
from agents.environments.simulated.kubectl.selecting import namespace_of

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.applications.releases import Revision
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest


def releases(cluster: Cluster, command: Command) -> str:
    """Return the output of `helm list`."""
    shown = command.all_namespaces or namespace_of(command) == cluster.namespace
    rows = []
    for name, history in sorted(cluster.releases.items()) if shown else ():
        last = history[-1]
        rows.append(
            {
                "name": name,
                "namespace": cluster.namespace,
                "revision": str(last.number),
                "updated": _long(last),
                "status": last.status,
                "chart": last.chart,
                "app_version": last.app_version,
            }
        )
    return _printed(command, rows)


def history(cluster: Cluster, command: Command) -> str:
    """Return the output of `helm history`."""
    found = _of(cluster, command)[-int(command.flag("max") or 256) :]
    plain = command.flag("output") in (None, "table")
    rows: list[dict[str, Any]] = [
        {
            "revision": item.number,
            "updated": _short(item) if plain else _nano(item),
            "status": item.status,
            "chart": item.chart,
            "app_version": item.app_version,
            "description": item.description,
        }
        for item in found
    ]
    return _printed(command, rows)


def status(cluster: Cluster, command: Command) -> str:
    """Return the output of `helm status`."""
    found, wanted = _of(cluster, command), int(command.flag("revision") or 0)
    item = next((item for item in found if not wanted or item.number == wanted), None)
    item = found[-1] if not wanted else item
    if item is None:
        raise CommandFailed(NOT_FOUND)
    if command.flag("output") in (None, "table"):
        return _card(cluster, command.name or "", item)
    body = {
        "name": command.name,
        "info": {
            "first_deployed": _nano(found[0]),
            "last_deployed": _nano(item),
            "deleted": "",
            "description": item.description,
            "status": item.status,
        },
        "config": _nested(item.values),
        "version": item.number,
        "namespace": cluster.namespace,
    }
    return _document(command, body)


def rollback(cluster: Cluster, command: Command) -> str:
    """Run `helm rollback`."""
    _of(cluster, command)
    number = int(command.operands[0]) if command.operands else None
    try:
        roll_back(cluster, command.name or "", number)
    except CommandFailed as failure:
        text = failure.text if failure.text.startswith("Error: ") else f"Error: {failure.text}"
        raise CommandFailed(text) from None
    return "Rollback was a success! Happy Helming!\n"


def upgraded(cluster: Cluster, command: Command) -> str:
    """Run `helm upgrade`."""
    name = command.name or ""
    if namespace_of(command) != cluster.namespace or history_of(cluster, name) is None:
        raise CommandFailed(f'Error: UPGRADE FAILED: "{name}" has no deployed releases')
    values = _values(command)
    revision = upgrade(
        cluster,
        name,
        values,
        reuse=command.flag("reuse-values") == "true" or not values,
        chart=_chart(command, history_of(cluster, name) or []),
    )
    return f'Release "{name}" has been upgraded. Happy Helming!\n{_card(cluster, name, revision)}'


def _of(cluster: Cluster, command: Command) -> list[Revision]:
    """Return the history of the release that a command names in its namespace."""
    found = history_of(cluster, command.name or "")
    if found is None or namespace_of(command) != cluster.namespace:
        raise CommandFailed(NOT_FOUND)
    return found


def _chart(command: Command, history: list[Revision]) -> str | None:
    """Return the chart's name and version, when a command names another version."""
    named = command.operands[0] if command.operands else ""
    name = history[-1].chart.rpartition("-")[0]
    place, slash, last = named.rpartition("/")
    if last != name:
        if slash:
            raise CommandFailed(f"Error: repo {place} not found")
        raise CommandFailed(
            f"Error: non-absolute URLs should be in form of repo_name/path_to_chart, got: {named}"
        )
    version = command.flag("version")
    return f"{name}-{version}" if version else None


def _values(command: Command) -> dict[str, str]:
    """Return what `--set` sets: `a.b=c,d={x,y}`, several times."""
    found = {}
    for flag in command.flags:
        if flag.name == "set":
            for part in re.findall(r"(?:\{[^}]*\}|\\.|[^,{])+", flag.value):
                path, _, value = part.partition("=")
                found[path] = re.sub(r"\\(.)", r"\1", value)
    return found


def _nested(values: tuple[tuple[str, str], ...]) -> Manifest | None:
    """Return values by dotted path as the tree that helm keeps."""
    tree: Manifest = {}
    for path, value in values:
        *parents, last = path.split(".")
        place = tree
        for part in parents:
            below = place.setdefault(part, {})
            place = below if isinstance(below, dict) else place
        place[last] = value
    return tree or None


def _card(cluster: Cluster, name: str, revision: Revision) -> str:
    return (
        f"NAME: {name}\nLAST DEPLOYED: {_short(revision)}\nNAMESPACE: {cluster.namespace}\n"
        f"STATUS: {revision.status}\nREVISION: {revision.number}\n"
        f"DESCRIPTION: {revision.description}\nTEST SUITE: None\n"
    )


def _short(revision: Revision) -> str:
    """Return the moment in the form of Go's time.ANSIC."""
    when = instant(revision.updated)
    return f"{when:%a %b} {when.day:2d} {when:%H:%M:%S %Y}"


def _nano(revision: Revision) -> str:
    """Return the moment in RFC 3339 with the nanoseconds that helm keeps."""
    fraction = draw("helm", revision.number, revision.updated) % 10**9
    return f"{rfc3339(int(revision.updated))[:-1]}.{fraction:09d}".rstrip("0") + "Z"


def _long(revision: Revision) -> str:
    """Return the moment in the form of Go's time.Time."""
    return _nano(revision).replace("T", " ").removesuffix("Z") + " +0000 UTC"


_HEADERS = {
    "helm list": ("name", "namespace", "revision", "updated", "status", "chart", "app_version"),
    "helm history": ("revision", "updated", "status", "chart", "app_version", "description"),
}


def _printed(command: Command, rows: list[dict[str, Any]]) -> str:
    if command.flag("output") not in (None, "table"):
        return _document(command, rows)
    names = _HEADERS[f"helm {command.verb}"]
    table = [[name.upper().replace("_", " ") for name in names]]
    table += [[str(row[name]) for name in names] for row in rows]
    widths = [max(len(row[at]) for row in table) for at in range(len(names))]
    return "".join(
        "\t".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + "\n"
        for row in table
    )


def _document(command: Command, body: object) -> str:
    form = command.flag("output")
    if form == "json":
        return orjson.dumps(body).decode() + "\n"
    if form == "yaml":
        return as_yaml(body)
    raise CommandFailed(
        f'Error: invalid argument "{form}" for "-o, --output" flag: invalid format type'
    )


READS: dict[str, Callable[[Cluster, Command], str]] = {
    "list": releases,
    "status": status,
    "history": history,
}
WRITES: dict[str, Callable[[Cluster, Command], str]] = {
    "rollback": rollback,
    "upgrade": upgraded,
}
