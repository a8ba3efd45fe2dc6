"""Calls that fail now and did not before, and pods as their templates would make them.

Invariant: `as_made_anew` changes the copy that it is given and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.controllers import kubelet
from agents.environments.simulated.objects.manifest import TEMPLATE_HASH
from agents.environments.simulated.objects.pods import workload_of

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

_TOLERATED = 0.005


def worse_calls(base: Cluster, now: Cluster) -> str | None:
    """Return which component's calls fail more often than before, critical or not, or None."""
    before = _failing(base)
    for (caller, target), share in sorted(_failing(now).items()):
        if share > before.get((caller, target), 0.0) + _TOLERATED:
            return f"{share:.0%} of the calls of {caller} to {target} fail"
    return None


def _failing(cluster: Cluster) -> dict[tuple[str, str], float]:
    """Return (caller, callee) -> the greatest share of calls that fail at present."""
    found: dict[tuple[str, str], float] = {}
    for uid, traffic in cluster.epochs[-1].pods.items() if cluster.epochs else ():
        run = cluster.runs.get(uid)
        if run is None:
            continue
        for failure in traffic.failures:
            key = (workload_of(run.pod), failure.target)
            found[key] = max(found.get(key, 0.0), failure.ratio)
    return found


def as_made_anew(cluster: Cluster) -> None:
    """Delete the pods that somebody edited: their successors come from the templates."""
    edited = [run.pod for run in cluster.runs.values() if _edited(cluster, run.pod)]
    for pod in edited:
        kubelet.stop(cluster, pod)
    if edited:
        cluster.settle()


def _edited(cluster: Cluster, pod: Manifest) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    if not owners:
        return False
    namespace = pod["metadata"]["namespace"]
    maker = cluster.store.get("replicasets", namespace, owners[0]["name"])
    if maker is None:
        return False
    template = maker["spec"]["template"]
    return _labels(pod) != _labels(template) or [c["image"] for c in pod["spec"]["containers"]] != [
        c["image"] for c in template["spec"]["containers"]
    ]


def _labels(item: Manifest) -> dict[str, str]:
    labels = item["metadata"].get("labels") or {}
    return {key: value for key, value in labels.items() if key != TEMPLATE_HASH}
