"""Faults that come and go: the wrong setting is put back and set again until somebody touches it.

Invariant: a flip happens only while its objects are as the last flip left them, so whoever mends
the state ends the flipping as well; a frozen lab goes on flipping as it would have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.environments.simulated.disturbance import plan
from agents.environments.simulated.faults.family import Original
from agents.environments.simulated.objects.kinds import clone

if TYPE_CHECKING:
    from random import Random

    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.faults.family import Injection
    from agents.environments.simulated.objects.kinds import Manifest

_FIELDS = ("spec", "data")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Sets objects to one of two states and plans the way to the other one.

    now: what the objects must still be, else somebody else has touched them.
    """

    now: tuple[Original, ...]
    other: tuple[Original, ...]
    bad: bool
    seconds: tuple[float, float]

    def __call__(self, cluster: Cluster) -> None:
        """Flip, unless somebody has touched the objects since."""
        if not self.holds(cluster):
            return
        for wanted in self.other:
            _set(cluster, wanted)
        cluster.remeasure()
        back = Flip(now=self.other, other=self.now, bad=not self.bad, seconds=self.seconds)
        plan(cluster, cluster.now + self.seconds[0 if back.bad else 1], back)

    def holds(self, cluster: Cluster) -> bool:
        """Return whether the objects are still as this flip expects them."""
        return all(_same(cluster, item) for item in self.now)


def _same(cluster: Cluster, item: Original) -> bool:
    present = cluster.store.get(item.kind, cluster.namespace, item.name)
    if present is None or item.manifest is None:
        return present is None and item.manifest is None
    return all(present.get(field) == item.manifest.get(field) for field in _FIELDS)


def _set(cluster: Cluster, item: Original) -> None:
    present = cluster.store.get(item.kind, cluster.namespace, item.name)
    if item.manifest is None:
        if present is not None:
            cluster.store.delete(item.kind, present)
    elif present is None:
        cluster.store.create(item.kind, clone(item.manifest), cluster.stamp())
    else:
        for field in _FIELDS:
            if field in item.manifest:
                present[field] = clone(item.manifest[field])
        cluster.store.touch(item.kind, present, spec=True)
    cluster.settle()


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


def threatened(cluster: Cluster) -> bool:
    """Return whether a fault that is away at present will come back."""
    deeds = (item.deed for item in cluster.agenda)
    return any(isinstance(deed, Flip) and deed.holds(cluster) for deed in deeds)
