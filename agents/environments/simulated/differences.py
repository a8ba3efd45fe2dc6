"""What a dry run changes, in the words that policy asks about: members, replicas, owners.

Invariant: a member whose value differs is named with all members inside it that differ, whether it
was changed, added or taken away; what the API server alone writes is no change of anybody's.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from agents.environments.simulated.kubectl.output import LAST_APPLIED
from agents.environments.simulated.objects.kinds import BY_NAME, Manifest
from agents.environments.simulated.objects.patching import merge_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.store import Key

Change = tuple[Manifest | None, Manifest | None]
"""An object before and after; None where there is none."""

_SERVERS = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "selfLink"}
    | {"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", LAST_APPLIED}
)
_SCALED = frozenset({"deployments", "statefulsets", "replicasets"})
_LONGEST_CHAIN = 8


def changed_members(changes: Iterable[Change]) -> tuple[str, ...]:
    """Return the sorted names of all members that differ between the objects before and after."""
    names: set[str] = set()
    for before, after in changes:
        names.update(_different(_filled(_written(before)), _filled(_written(after))))
    return tuple(sorted(names))


def _written(item: Manifest | None) -> Manifest:
    return {key: value for key, value in (item or {}).items() if key != "status"}


def _filled(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return an object without its empty parts: they are the same as none."""
    if isinstance(value, list):
        return [_filled(one) for one in value]
    if not isinstance(value, dict):
        return value
    inside = {name: _filled(one) for name, one in value.items()}
    return {name: one for name, one in inside.items() if one not in (None, {}, [])}


def _different(before: Any, after: Any, field: str = "") -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the names of members that differ."""
    if before == after:
        return
    if isinstance(before, list) or isinstance(after, list):
        for one, other in _paired(_listed(before), _listed(after), field):
            yield from _different(one, other)
        return
    old, new = (one if isinstance(one, dict) else {} for one in (before, after))
    for name in (old.keys() | new.keys()) - _SERVERS:
        one, other = old.get(name), new.get(name)
        if one != other:
            yield name
            yield from _different(one, other, name)


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _paired(old: list[Any], new: list[Any], field: str) -> Iterator[tuple[Any, Any]]:
    """Yield the items that are the same thing, by the field's merge key or else by place."""
    key = merge_key(field, [*old, *new])
    keyed = key is not None and _tells_apart(key, old) and _tells_apart(key, new)
    was, now = (
        {one[key] if keyed else place: one for place, one in enumerate(items)}
        for items in (old, new)
    )
    for name in dict.fromkeys((*was, *now)):
        yield was.get(name), now.get(name)


def _tells_apart(key: str, items: list[Any]) -> bool:
    known = [one for one in items if isinstance(one, dict) and isinstance(one.get(key), str | int)]
    names = [one[key] for one in known]
    return len(set(names)) == len(items)


def state_of(items: Iterable[Manifest | None]) -> str:
    """Return the hex SHA-256 of what is written of the objects."""
    written = [item and {**_written(item), "metadata": _described(item)} for item in items]
    return hashlib.sha256(orjson.dumps(written, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _described(item: Manifest) -> Manifest:
    counted = ("managedFields", "resourceVersion", "generation")
    return {key: value for key, value in item["metadata"].items() if key not in counted}


def scaled(changes: Iterable[Change]) -> tuple[int, int] | None:
    """Return replicas before and after of the workload that loses the largest share of its own."""
    counts = [
        (_replicas(before), _replicas(after) if after else 0)
        for before, after in changes
        if before is not None and BY_NAME[before["kind"]].plural in _SCALED
    ]
    return min(counts, key=lambda one: one[1] / one[0] if one[0] else 1.0, default=None)


def _replicas(item: Manifest) -> int:
    said = item["spec"].get("replicas")
    return 1 if said is None else int(said)


def owners_of(cluster: Cluster, keys: Iterable[Key]) -> tuple[str, ...]:
    """Return the controllers up the chain of each object, as `namespace/kind/name`, sorted."""
    found: set[str] = set()
    todo = [(key, _LONGEST_CHAIN) for key in keys]
    while todo:
        (kind, namespace, name), left = todo.pop()
        item = cluster.store.get(kind, namespace, name)
        references = item["metadata"].get("ownerReferences") if item else None
        for one in references or ():
            owner = BY_NAME.get(one["kind"])
            if owner is None or not left or one.get("controller") is not True:
                continue
            place = namespace if owner.namespaced else ""
            if cluster.store.get(owner.plural, place, one["name"]) is None:
                continue
            found.add(f"{place}/{owner.plural}/{one['name']}")
            todo.append(((owner.plural, place, one["name"]), left - 1))
    return tuple(sorted(found))
