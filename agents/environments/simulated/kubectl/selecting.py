"""Which objects a command means: by kind, name, label and field, sorted as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.environments.simulated.kubectl.errors import CommandFailed, not_found, unknown_kind
from agents.environments.simulated.kubectl.gosort import go_sorted
from agents.environments.simulated.kubectl.jsonpath import BadTemplate, values_at
from agents.environments.simulated.objects.kinds import ALL_CATEGORY, KINDS, Manifest
from agents.environments.simulated.objects.quantity import amount
from agents.environments.simulated.objects.selectors import parse_selector, select
from agents.environments.simulated.telemetry.events import living
from agents.policy.kinds import KINDS as SERVED

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster

_FIELDS = {
    "pods": (
        "metadata.name",
        "metadata.namespace",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "services": ("metadata.name", "metadata.namespace", "spec.clusterIP", "spec.type"),
    "secrets": ("metadata.name", "metadata.namespace", "type"),
    "nodes": ("metadata.name", "spec.unschedulable"),
    "namespaces": ("metadata.name", "status.phase"),
    "replicasets": ("metadata.name", "metadata.namespace", "status.replicas"),
    "jobs": ("metadata.name", "metadata.namespace", "status.successful"),
    "events": (
        "metadata.name",
        "metadata.namespace",
        "type",
        "reason",
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.uid",
        "involvedObject.fieldPath",
        "source",
        "reportingComponent",
    ),
}
DEPRECATED = (
    "Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\n"
)
_COMMON = ("metadata.name", "metadata.namespace")


def namespace_of(command: Command) -> str:
    """Return the namespace that a command works in (`default` when it names none)."""
    return command.namespace or "default"


def kinds_of(command: Command) -> list[str]:
    """Return the kinds of a command, `all` unfolded."""
    kinds: dict[str, None] = {}
    for target in command.targets:
        if target.kind == "all":
            kinds |= dict.fromkeys(ALL_CATEGORY)
        else:
            kinds[target.kind] = None
    return list(kinds)


def known_kinds(command: Command) -> None:
    """Fail as kubectl does for a kind that is not served, and for names beside a selector."""
    for target in command.targets:
        if target.kind not in KINDS and target.kind not in SERVED:
            raise unknown_kind(target.kind)
    if not any(target.name for target in command.targets):
        return
    if command.flag("selector") or command.flag("field-selector"):
        raise CommandFailed("error: name cannot be provided when a selector is specified")
    if command.all_namespaces:
        raise CommandFailed("error: a resource cannot be retrieved by name across all namespaces")


def targets_of(command: Command) -> list[tuple[str, list[str]]]:
    """Return (kind, names) of a command, in its order; no names mean all of the kind."""
    found: list[tuple[str, list[str]]] = []
    for kind in kinds_of(command):
        names = [target.name for target in command.targets if target.kind == kind and target.name]
        found.append((kind, names))
    return found


def nothing_found(command: Command) -> str:
    """Return what kubectl says of an empty list."""
    kinds = kinds_of(command)
    cluster_wide = all(kind in KINDS and not KINDS[kind].namespaced for kind in kinds)
    if command.all_namespaces or cluster_wide:
        return "No resources found\n"
    return f"No resources found in {namespace_of(command)} namespace.\n"


def find(cluster: Cluster, command: Command, kind: str, name: str) -> Manifest:
    """Return the named object or fail as the API server does."""
    found = None
    if kind in KINDS:
        namespace = namespace_of(command) if KINDS[kind].namespaced else ""
        found = cluster.store.get(kind, namespace, name)
    if found is None:
        raise not_found(kind, name)
    return found


def listed(cluster: Cluster, command: Command, kind: str) -> list[Manifest]:
    """Return the objects of a kind that the command's namespace and selectors mean."""
    if kind not in KINDS:
        return []
    namespace = None
    if KINDS[kind].namespaced and not command.all_namespaces:
        namespace = namespace_of(command)
    items = (
        living(cluster.store, cluster.now, namespace)
        if kind == "events"
        else cluster.store.listed(kind, namespace)
    )
    try:
        requirements = parse_selector(command.flag("selector") or "")
        terms = [_field_term(term) for term in (command.flag("field-selector") or "").split(",")]
        _check_fields(kind, [term[0] for term in terms if term[0]])
    except ValueError as error:
        raise _unable(command, kind, error) from None
    if requirements:
        items = [
            item for item in items if select(requirements, item["metadata"].get("labels") or {})
        ]
    return [item for item in items if all(_field_matches(item, term) for term in terms)]


def _unable(command: Command, kind: str, error: ValueError) -> CommandFailed:
    """Return the server's answer to a selector that it can't read."""
    meta = KINDS[kind]
    labels, fields = command.flag("selector") or "", command.flag("field-selector") or ""
    return CommandFailed(
        f'Error from server (BadRequest): Unable to find "{meta.group}/{meta.version}, '
        f'Resource={kind}" that match label selector "{labels}", field selector "{fields}": {error}'
    )


def _check_fields(kind: str, paths: list[str]) -> None:
    for path in paths:
        if path in _FIELDS.get(kind, _COMMON):
            continue
        if kind in _FIELDS:
            raise ValueError(f"field label not supported: {path}")
        only = ", ".join(f'"{field}"' for field in _COMMON)
        raise ValueError(f'"{path}" is not a known field selector: only {only}')


def _field_matches(item: Manifest, term: tuple[str, str, str]) -> bool:
    path, operator, value = term
    if not path:
        return True
    found = values_at(item, f".{path}")[:1] or [""]
    actual = str(found[0]) if not isinstance(found[0], bool) else str(found[0]).lower()
    return (actual == value) is (operator != "!=")


def _field_term(term: str) -> tuple[str, str, str]:
    if not term:
        return "", "=", ""
    for operator in ("!=", "==", "="):
        path, found, value = term.partition(operator)
        if found:
            return path.strip(), operator, value.strip()
    raise ValueError(f"invalid selector: '{term}'; can't understand '{term}'")


def sort(items: list[Manifest], path: str | None) -> list[Manifest]:
    """Return the objects in the order of a field, as `--sort-by` has it."""
    if not path:
        return items
    text = path.removeprefix("{").removesuffix("}")
    text = text if text.startswith((".", "[")) else f".{text}"
    try:
        keyed = [(values_at(item, text)[:1], item) for item in items]
    except BadTemplate:
        return []  # kubectl shows nothing then, and calls it a success
    if not any(found for found, _ in keyed):
        return []
    return [item for _, item in go_sorted(keyed, _less)]


def _less(one: tuple[list[Any], Manifest], other: tuple[list[Any], Manifest]) -> bool:
    """Compare two fields: a missing one is less, quantities by amount, texts by their bytes."""
    if not one[0] or not other[0]:
        return not one[0]
    left, right = one[0][0], other[0][0]
    if left is None or right is None:
        return left is None and right is not None
    if isinstance(left, str) and isinstance(right, str):
        try:
            return amount(left) < amount(right)
        except ValueError:
            return left.encode() < right.encode()
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left < right
    return str(left) < str(right)
