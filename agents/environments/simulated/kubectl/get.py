"""`kubectl get`: tables and the other forms of output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.kubectl.columns import COLUMNS, PLAIN
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.output import qualified_name, rendered
from agents.environments.simulated.kubectl.selecting import (
    find,
    kinds_of,
    listed,
    namespace_of,
    sort,
)
from agents.environments.simulated.kubectl.tables import table
from agents.environments.simulated.objects.kinds import KINDS, Manifest
from agents.environments.simulated.objects.selectors import selector_text

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster

DEPRECATED = (
    "Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\n"
)


def get(cluster: Cluster, command: Command) -> str:
    """Return the output of `get`; a name that is missing fails after what was found is shown."""
    errors: list[CommandFailed] = []
    groups: list[tuple[str, list[Manifest]]] = []
    for kind in kinds_of(command):
        names = [target.name for target in command.targets if target.kind == kind and target.name]
        if not names:
            groups.append((kind, listed(cluster, command, kind)))
            continue
        found = []
        for name in names:
            try:
                found.append(find(cluster, command, kind, name))
            except CommandFailed as error:
                errors.append(error)
        groups.append((kind, found))
    named = any(target.name for target in command.targets)
    text = _shown(cluster, command, groups, named=named)
    if errors and command.flag("ignore-not-found") != "true":
        raise CommandFailed("\n".join([*(error.text for error in errors), text]))
    return text


def _shown(
    cluster: Cluster, command: Command, groups: list[tuple[str, list[Manifest]]], *, named: bool
) -> str:
    output = command.flag("output") or ""
    path = command.flag("sort-by")
    items = [item for _, group in groups for item in group]
    warning = DEPRECATED if any(kind == "endpoints" for kind, _ in groups) else ""
    if output and output != "wide":
        single = named and len(command.targets) == 1
        if named and not items:
            return ""
        return warning + rendered(sort(items, path), output, single=single)
    if not items:
        return "" if named else warning + _nothing(command, groups)
    several = len(groups) > 1
    tables = [
        _table(cluster, command, kind, sort(group, path), prefixed=several)
        for kind, group in groups
        if group
    ]
    return warning + "\n".join(tables)


def _nothing(command: Command, groups: list[tuple[str, list[Manifest]]]) -> str:
    cluster_wide = all(kind in KINDS and not KINDS[kind].namespaced for kind, _ in groups)
    if command.all_namespaces or cluster_wide:
        return "No resources found\n"
    return f"No resources found in {namespace_of(command)} namespace.\n"


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
