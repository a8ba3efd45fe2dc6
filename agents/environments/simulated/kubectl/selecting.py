"""Which objects a command means: by kind, name, label and field, sorted as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.kubectl.errors import CommandFailed, not_found
from agents.environments.simulated.kubectl.jsonpath import values_at
from agents.environments.simulated.objects.kinds import ALL_CATEGORY, KINDS, Manifest
from agents.environments.simulated.objects.selectors import parse_selector, select
from agents.environments.simulated.telemetry.events import living

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster

_FIELDS = {
    "pods": (
        "metadata.name",
        "metadata.namespace",
        "spec.nodeName",
        "status.phase",
        "status.podIP",
    ),
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
    label_text, field_text = command.flag("selector"), command.flag("field-selector")
    if label_text:
        try:
            requirements = parse_selector(label_text)
        except ValueError as error:
            raise CommandFailed(f"error: {error}") from None
        items = [
            item for item in items if select(requirements, item["metadata"].get("labels") or {})
        ]
    if field_text:
        items = [item for item in items if _fields_match(kind, item, field_text)]
    return items


def _resource(kind: str) -> str:
    """Return a kind as the server's request errors name it."""
    meta = KINDS[kind]
    return f"{meta.group}/{meta.version}, Resource={kind}"


def _fields_match(kind: str, item: Manifest, text: str) -> bool:
    for term in text.split(","):
        path, operator, value = _field_term(term)
        if path not in _FIELDS.get(kind, _COMMON):
            raise CommandFailed(
                f'Error from server (BadRequest): Unable to find "{_resource(kind)}" that match '
                f'label selector "", field selector "{text}": field label not supported: {path}'
            )
        actual = "".join(str(found) for found in values_at(item, f".{path}")[:1])
        if (actual == value) is (operator == "!="):
            return False
    return True


def _field_term(term: str) -> tuple[str, str, str]:
    for operator in ("!=", "==", "="):
        path, found, value = term.partition(operator)
        if found:
            return path.strip(), operator, value.strip()
    raise CommandFailed(f"error: invalid field selector: {term!r}; can't understand '{term}'")


def sort(items: list[Manifest], path: str | None) -> list[Manifest]:
    """Return the objects in the order of a field, as `--sort-by` has it."""
    if not path:
        return items
    text = path.strip("{}")
    text = text if text.startswith(".") else f".{text}"

    def rank(item: Manifest) -> tuple[int, float, str]:
        found = values_at(item, text)[:1]
        if not found:
            return 0, 0.0, ""
        value = found[0]
        if isinstance(value, (int, float)):
            return 1, float(value), ""
        return 1, 0.0, str(value)

    return sorted(items, key=rank)
