"""A namespace as `kubectl get -o json` gives it, checked before anything is built from it.

    kubectl get deploy,sts,ds,rs,svc,endpoints,cm,sa,pvc,netpol,hpa,ingress,pods,events
        -n NAMESPACE -o json > dump.json

Invariant: what `read_dump` returns has the types that the controllers rely on; values of Secrets
never pass it. Whatever is wrong raises `DumpUnusable` with what was expected, got, and to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from agents.environments.simulated.objects.kinds import BY_NAME
from agents.environments.simulated.twin_checks import APPLIED, NAME, at, checked, moment

if TYPE_CHECKING:
    from agents.environments.simulated.objects.kinds import Manifest

COMMAND = (
    "kubectl get deploy,sts,ds,rs,svc,endpoints,cm,sa,pvc,netpol,hpa,ingress,pods,events "
    "-n NAMESPACE -o json"
)
_MAPPED = {"statefulsets", "daemonsets"}
_STRIP = (
    "leave secrets out of the command, or take the values out: jq '(.items[] | select(.kind == "
    '"Secret")) |= (del(.data, .stringData, .metadata.annotations))\' dump.json'
)
_DEEPEST = 60


class DumpUnusable(ValueError):
    """The file is no dump of one namespace that a lab may be built from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """Objects of one namespace by kind, in the order of the file. present: its newest moment."""

    namespace: str
    present: float
    objects: dict[str, list[Manifest]]
    notes: tuple[str, ...]

    def each(self, kind: str) -> list[Manifest]:
        """Return the objects of a kind."""
        return self.objects.get(kind, [])

    def get(self, kind: str, name: str) -> Manifest | None:
        """Return an object, or None."""
        return next((one for one in self.each(kind) if one["metadata"]["name"] == name), None)


def read_dump(content: bytes) -> Dump:
    """Return the dump of one namespace; raises DumpUnusable."""
    items = _items(content)
    objects: dict[str, list[Manifest]] = {}
    notes: list[str] = []
    left: dict[str, int] = {}
    for index, item in enumerate(items):
        kind = BY_NAME.get(_identity(item, index))
        if kind is None or not (kind.namespaced or kind.plural == "nodes"):
            left[str(item["kind"])] = left.get(str(item["kind"]), 0) + 1
            continue
        try:
            body = _checked(kind.plural, item)
        except ValueError as error:  # Rejected, or a quantity that can't be read
            if isinstance(error, DumpUnusable):
                raise
            name = item["metadata"]["name"]
            raise DumpUnusable(
                f"{kind.name} {name!r} is not as the API server stores it: {error}; take the "
                f"dump anew with `{COMMAND}`"
            ) from None
        if body is None:
            left[kind.name] = left.get(kind.name, 0) + 1
        else:
            objects.setdefault(kind.plural, []).append(body)
    notes += [f"left out: {count} {kind}" for kind, count in sorted(left.items())]
    namespace = _namespace(objects)
    if not any(objects.get(kind) for kind in ("deployments", *sorted(_MAPPED))):
        raise DumpUnusable(
            f"expected a Deployment, StatefulSet or DaemonSet, got none; use `{COMMAND}`"
        )
    _unique(objects)
    return Dump(namespace=namespace, present=_present(objects), objects=objects, notes=tuple(notes))


def _items(content: bytes) -> list[Any]:
    lines = content.lstrip(b"\xef\xbb\xbf").lstrip()
    while lines.startswith(b"Warning:"):  # standard error in the same file
        lines = lines.partition(b"\n")[2].lstrip()
    try:
        document = orjson.loads(lines)
    except orjson.JSONDecodeError as error:
        raise DumpUnusable(f"expected JSON as `{COMMAND}` prints it: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        got = document.get("kind") if isinstance(document, dict) else type(document).__name__
        raise DumpUnusable(
            f"expected a List with `items`, got {str(got)[:60]}; use `{COMMAND}`, without a name"
        )
    if _depth(document, 0) > _DEEPEST:
        raise DumpUnusable(f"expected objects at most {_DEEPEST} levels deep")
    items: list[Any] = document["items"]
    return items


def _depth(value: object, level: int) -> int:
    if level > _DEEPEST:
        return level
    if isinstance(value, dict):
        return max((_depth(one, level + 1) for one in value.values()), default=level)
    if isinstance(value, list):
        return max((_depth(one, level + 1) for one in value), default=level)
    return level


def _identity(item: Any, index: int) -> str:  # noqa: ANN401 - JSON
    """Return the item's kind once its kind and name are sure to be texts."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    kind = item.get("kind") if isinstance(item, dict) else None
    if not isinstance(kind, str) or not isinstance(name, str) or not NAME.fullmatch(name):
        raise DumpUnusable(
            f"items[{index}]: expected an object with kind and metadata.name, got kind "
            f"{str(kind)[:40]!r} and name {str(name)[:40]!r}"
        )
    return kind


def _checked(kind: str, item: Manifest) -> Manifest | None:
    """Return the object as the lab keeps it, None where it can't; raises Rejected."""
    return _secret(item) if kind == "secrets" else checked(kind, item)


def _secret(item: Manifest) -> Manifest:
    """Return the name alone; raises DumpUnusable where a value stands."""
    name = item["metadata"]["name"]
    annotations = at(item, "metadata", "annotations") or {}
    if item.get("data") or item.get("stringData") or APPLIED in annotations:
        raise DumpUnusable(
            f"Secret {name!r} comes with its values, which a twin never reads: {_STRIP}"
        )
    kind = item.get("type")
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": str(item["metadata"].get("namespace", ""))},
        "type": kind if isinstance(kind, str) else "Opaque",
    }


def _namespace(objects: dict[str, list[Manifest]]) -> str:
    names: dict[str, None] = {}
    for item in _all(objects):
        name = item["metadata"].get("namespace")
        if item.get("kind") == "Node":
            continue
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise DumpUnusable(
                f"{item.get('kind')} {item['metadata']['name']!r}: expected a namespace, got none"
            )
        names[name] = None
    if len(names) != 1:
        got = ", ".join(list(names)[:4]) or "no object that a lab knows"
        raise DumpUnusable(f"expected the objects of one namespace, got {got}; use `{COMMAND}`")
    return next(iter(names))


def _all(objects: dict[str, list[Manifest]]) -> Iterator[Manifest]:
    for items in objects.values():
        yield from items


def _unique(objects: dict[str, list[Manifest]]) -> None:
    for kind, items in objects.items():
        names = [item["metadata"]["name"] for item in items]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None and kind != "events":
            raise DumpUnusable(f"expected {kind}/{twice} once, got it twice")


_MOMENTS = frozenset(
    {"creationTimestamp", "startedAt", "finishedAt", "lastTransitionTime", "lastTimestamp"}
)
_UNDATED = 1_767_225_600.0


def _present(objects: dict[str, list[Manifest]]) -> float:
    """Return the newest moment that any object tells of."""
    newest = 0.0
    waiting: list[object] = list(_all(objects))
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key, one in value.items():
                if key in _MOMENTS:
                    newest = max(newest, moment(one) or 0.0)
                elif isinstance(one, dict | list):
                    waiting.append(one)
        elif isinstance(value, list):
            waiting += value
    return float(int(newest)) or _UNDATED
