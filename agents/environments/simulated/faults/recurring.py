"""Faults that come and go: somebody's script sets a field to a wrong value every few minutes.

Invariant: the script writes the fields in which the good and the bad state differ and no others.
It stops for good when it comes to put one back and finds that somebody has mended it while it was
wrong; nothing that is done while the fault is away stops it. Its next strike harms nobody once the
wrong value is a valid one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.environments.simulated.disturbance import plan
from agents.environments.simulated.faults.family import Original
from agents.environments.simulated.objects.kinds import clone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.faults.family import Injection
    from agents.environments.simulated.objects.kinds import Manifest

_FIELDS = ("spec", "data")
_ABSENT = object()
Path = tuple[str, ...]
"""Keys from the object down; `[NAME]` is the item of a list that has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Sets objects to one of two states and plans the way to the other one.

    now: what the last flip set; bad: whether that is the fault.
    """

    now: tuple[Original, ...]
    other: tuple[Original, ...]
    bad: bool
    seconds: tuple[float, float]

    def __call__(self, cluster: Cluster) -> None:
        """Flip, unless somebody has mended the fault."""
        if not self.holds(cluster):
            return
        self.set(cluster, bad=not self.bad)
        back = Flip(now=self.other, other=self.now, bad=not self.bad, seconds=self.seconds)
        plan(cluster, cluster.now + self.seconds[0 if back.bad else 1], back)

    def set(self, cluster: Cluster, *, bad: bool) -> None:
        """Bring the objects to the good or the bad state."""
        wanted, others = (self.now, self.other) if self.bad is bad else (self.other, self.now)
        for item, other in zip(wanted, others, strict=True):
            _set(cluster, item, other)
        cluster.remeasure()

    def holds(self, cluster: Cluster) -> bool:
        """Return whether the script goes on: its objects are there, a fault is as it was set."""
        pairs = zip(self.now, self.other, strict=True)
        return all(_holds(cluster, item, other, bad=self.bad) for item, other in pairs)


def _holds(cluster: Cluster, item: Original, other: Original, *, bad: bool) -> bool:
    present = cluster.store.get(item.kind, cluster.namespace, item.name)
    if item.manifest is None:
        return present is None or not bad
    if present is None:
        return False
    return not bad or all(
        _at(present, path) == _at(item.manifest, path) for path in _apart(item, other)
    )


def _apart(item: Original, other: Original) -> list[Path]:
    """Return the fields in which two states differ."""
    one, two = item.manifest or {}, other.manifest or {}
    return [
        path
        for field in _FIELDS
        for path in _differing(one.get(field, _ABSENT), two.get(field, _ABSENT), (field,))
    ]


def _differing(one: Any, two: Any, path: Path) -> Iterator[Path]:  # noqa: ANN401 - JSON
    if isinstance(one, dict) and isinstance(two, dict):
        for key in sorted(one.keys() | two.keys()):
            yield from _differing(one.get(key, _ABSENT), two.get(key, _ABSENT), (*path, key))
    elif _named(one) and _named(two) and _names(one) == _names(two):
        for name, first, second in zip(_names(one), one, two, strict=True):
            yield from _differing(first, second, (*path, f"[{name}]"))
    elif one is not two and one != two:
        yield path


def _named(value: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(value, list) and all(isinstance(v, dict) and "name" in v for v in value)


def _names(value: list[Manifest]) -> list[str]:
    return [item["name"] for item in value]


def _step(body: Any, key: str) -> Any:  # noqa: ANN401 - JSON
    if isinstance(body, list) and key.startswith("["):
        found = (v for v in body if isinstance(v, dict) and f"[{v.get('name')}]" == key)
        return next(found, _ABSENT)
    return body.get(key, _ABSENT) if isinstance(body, dict) else _ABSENT


def _at(body: Any, path: Path) -> Any:  # noqa: ANN401 - JSON
    for key in path:
        body = _step(body, key)
    return None if body is _ABSENT else body


def _set(cluster: Cluster, wanted: Original, other: Original) -> None:
    present = cluster.store.get(wanted.kind, cluster.namespace, wanted.name)
    if wanted.manifest is None:
        if present is not None:
            cluster.store.delete(wanted.kind, present)
    elif present is None:
        cluster.store.create(wanted.kind, clone(wanted.manifest), cluster.stamp())
    else:
        for path in _apart(wanted, other):
            _put(present, path, _at(wanted.manifest, path))
        cluster.store.touch(wanted.kind, present, spec=True)
    cluster.settle()


def _put(body: Any, path: Path, value: Any) -> None:  # noqa: ANN401 - JSON
    """Set a field, or remove it for None; a part of the way that is gone stays gone."""
    *way, last = path
    for key in way:
        body = _step(body, key)
    if not isinstance(body, dict):
        return
    if value is None:
        body.pop(last, None)
    else:
        body[last] = clone({"value": value})["value"]


def recur(cluster: Cluster, injection: Injection, present: float, rng: Random) -> None:
    """Let an injected fault come and go; it was away once and is there at the present.

    From the present on it stays 5 to 9 minutes and is away for a fifth of the time since it began.
    """
    bad = tuple(
        Original(kind=item.kind, name=item.name, manifest=_copy(cluster, item))
        for item in injection.originals
    )
    if not bad:
        return
    since = present - cluster.now
    seconds = (0.5 * since + rng.randint(300, 540), 0.2 * since)
    flip = Flip(now=bad, other=injection.originals, bad=True, seconds=seconds)
    plan(cluster, cluster.now + 0.3 * since, flip)


def _copy(cluster: Cluster, item: Original) -> Manifest | None:
    present = cluster.store.get(item.kind, cluster.namespace, item.name)
    return clone(present) if present is not None else None


def threats(cluster: Cluster) -> list[Flip]:
    """Return the flips that will set the fault again, or put it away only to do so."""
    deeds = (item.deed for item in cluster.agenda)
    return [deed for deed in deeds if isinstance(deed, Flip) and deed.holds(cluster)]


def threatened(cluster: Cluster) -> bool:
    """Return whether somebody's script goes on setting a fault."""
    return bool(threats(cluster))


def held(cluster: Cluster, *, bad: bool) -> None:
    """Bring a copy to the good or the bad state of all that comes and goes, and keep it there."""
    flips = threats(cluster)
    cluster.agenda = [item for item in cluster.agenda if not isinstance(item.deed, Flip)]
    for flip in flips:
        flip.set(cluster, bad=bad)
