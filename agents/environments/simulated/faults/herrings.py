"""Red herrings: things that look like a cause and are none, each with a benign one to be seen.

Invariant: a herring is over before the fault strikes and leaves the application as it was.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from agents.environments.simulated import alerts
from agents.environments.simulated.controllers import kubelet
from agents.environments.simulated.objects.manifest import CHANGE_CAUSE, RESTARTED_AT

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.environments.simulated.cluster import Cluster

_CAUSES = ("nightly image refresh", "rotate node", "scheduled restart", "routine update")


def scatter(cluster: Cluster, spared: tuple[str, ...], count: int, rng: Random) -> None:
    """Let `count` herrings happen now, one after the other, at components that are not spared."""
    names = [c.name for c in cluster.application.components if c.name not in spared]
    for index in range(count):
        kind = _KINDS[(index + rng.randrange(len(_KINDS))) % len(_KINDS)]
        kind(cluster, rng.choice(names), rng)
        cluster.advance(cluster.now + rng.randint(60, 150))


def _restart(cluster: Cluster, name: str, rng: Random) -> None:
    """A finished rollout: the annotation and the revision's cause tell of it."""
    deployment = cluster.store.get("deployments", cluster.namespace, name)
    if deployment is None:
        return
    deployment["metadata"].setdefault("annotations", {})[CHANGE_CAUSE] = rng.choice(_CAUSES)
    template = deployment["spec"]["template"]
    template["metadata"].setdefault("annotations", {})[RESTARTED_AT] = cluster.stamp()
    cluster.store.touch("deployments", deployment, spec=True)
    cluster.settle()


def _crash(cluster: Cluster, name: str, _rng: Random) -> None:
    """A container that was killed once and came back: its last state tells of it."""
    for run in cluster.runs_of(name)[:1]:
        kubelet.end(cluster, run)


def _stale_alert(cluster: Cluster, name: str, rng: Random) -> None:
    """A short outage that is over, and a rule that goes on firing for an hour."""
    body = cluster.store.get("configmaps", cluster.namespace, alerts.RULES)
    if body is not None and not alerts.is_watchful(body):
        alerts.watch_briefly(body, cluster.application.entry, rng)
        cluster.store.touch("configmaps", body)
    entry = cluster.application.entry
    for run in cluster.runs_of(entry)[:1]:
        kubelet.end(cluster, run)
    _crash(cluster, name, rng)


_KINDS: tuple[Callable[[Cluster, str, Random], None], ...] = (_restart, _crash, _stale_alert)
