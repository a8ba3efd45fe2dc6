"""`kubectl get`: tables and the other forms of output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.kubectl.columns import COLUMNS, PLAIN
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.output import qualified_name, rendered
from agents.environments.simulated.kubectl.selecting import (
    DEPRECATED,
    find,
    known_kinds,
    listed,
    nothing_found,
    sort,
    targets_of,
)
from agents.environments.simulated.kubectl.tables import table
from agents.environments.simulated.objects.kinds import KINDS, Manifest
from agents.environments.simulated.objects.selectors import selector_text

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster


def get(cluster: Cluster, command: Command) -> str:
    """Return the output of `get`; a name that is missing fails after what was found is shown."""
    known_kinds(command)
    errors: list[CommandFailed] = []
    groups: list[tuple[str, list[Manifest]]] = []
    for kind, names in targets_of(command):
        if not names:
            groups.append((kind, listed(cluster, command, kind)))
            continue
        found = []
        for name in names:
            try:
                found.append(find(cluster, command, kind, name))
            except CommandFailed as error:
                errors.append(error)
        if found:
            groups.append((kind, found))
    named = any(target.name for target in command.targets)
    text = _shown(cluster, command, groups, named=named)
    if errors and command.flag("ignore-not-found") != "true":
        raise CommandFailed(text + "\n".join(error.text for error in errors))
    return text


def _shown(
    cluster: Cluster, command: Command, groups: list[tuple[str, list[Manifest]]], *, named: bool
) -> str:
    output = command.flag("output") or ""
    path = command.flag("sort-by")
    groups = [(kind, sort(group, path)) for kind, group in groups]
    items = [item for _, group in groups for item in group]
    warning = DEPRECATED if any(kind == "endpoints" and group for kind, group in groups) else ""
    if output and output != "wide":
        single = named and len(command.targets) == 1
        if named and not items:
            return ""
        headers = command.flag("no-headers") != "true"
        return warning + rendered(items, output, single=single, headers=headers)
    if not items:
        quiet = named or command.flag("ignore-not-found") == "true"
        return "" if quiet else warning + nothing_found(command)
    several = len(groups) > 1
    tables = [
        _table(cluster, command, kind, group, prefixed=several) for kind, group in groups if group
    ]
    return warning + ("" if command.flag("no-headers") == "true" else "\n").join(tables)


def _table(
    cluster: Cluster, command: Command, kind: str, items: list[Manifest], *, prefixed: bool
) -> str:
    columns = COLUMNS.get(kind, PLAIN)
    if kind == "events" and command.flag("output") == "wide":
        columns = COLUMNS["events wide"]
    wide = command.flag("output") == "wide" and columns.wide_cells is not None
    extra = [key for key in (command.flag("label-columns") or "").split(",") if key]
    everywhere = command.all_namespaces and KINDS[kind].namespaced
    header = list(columns.header) + (list(columns.wide) if wide else [])
    header += [key.rsplit("/", 1)[-1].upper() for key in extra]
    if command.flag("show-labels") == "true":
        header.append("LABELS")
    rows = [] if command.flag("no-headers") == "true" else [["NAMESPACE"] * everywhere + header]
    for item in items:
        cells = columns.cells(item, cluster.now)
        if prefixed or command.flag("show-kind") == "true":
            cells[0] = qualified_name(item) if kind != "events" else cells[0]
        if wide and columns.wide_cells:
            cells += columns.wide_cells(item, cluster.now)
        labels = item["metadata"].get("labels") or {}
        cells += [labels.get(key, "") for key in extra]
        if command.flag("show-labels") == "true":
            cells.append(selector_text(labels) or "<none>")
        rows.append([item["metadata"].get("namespace", "")] * everywhere + cells)
    return table(rows)
