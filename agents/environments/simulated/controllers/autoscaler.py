"""The horizontal autoscaler: as many replicas as the processor time of the pods asks for.

    wanted = ceil(replicas * mean use / (request * target share)), nothing within a tenth of it

Invariant: it looks every 15 seconds while an autoscaler exists, never leaves its bounds, and takes
replicas away only when none of the last five minutes asked for them.
Source: the algorithm of Kubernetes' HorizontalPodAutoscaler, autoscaling/v2, with its defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from agents.environments.simulated.clock import MINUTE
from agents.environments.simulated.disturbance import plan
from agents.environments.simulated.objects.pods import is_ready
from agents.environments.simulated.objects.quantity import millicores
from agents.environments.simulated.telemetry.usage import usage

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest
    from agents.environments.simulated.objects.store import Key

PERIOD, TOLERANCE, CALM = 15.0, 0.1, 5 * MINUTE
_KIND = "horizontalpodautoscalers"
_DEFAULT_SHARE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look of an autoscaler. asked: (moment, replicas that the load asked for), newest last."""

    name: str
    asked: tuple[tuple[float, int], ...] = ()

    def __call__(self, cluster: Cluster) -> None:
        """Scale the target if its load asks for it, and plan the next look."""
        scaler = cluster.store.get(_KIND, cluster.namespace, self.name)
        if scaler is None:
            return
        asked = _scale(cluster, scaler, self.asked)
        plan(cluster, cluster.now + PERIOD, Look(name=self.name, asked=asked))


def reconcile(cluster: Cluster, marks: dict[Key, Manifest]) -> None:
    """Begin to look after every autoscaler that is new."""
    names = [name for kind, _, name in marks if kind == _KIND]
    if not names:
        return
    watched = {item.deed.name for item in cluster.agenda if isinstance(item.deed, Look)}
    for name in names:
        if name not in watched and cluster.store.get(_KIND, cluster.namespace, name):
            plan(cluster, cluster.now + PERIOD, Look(name=name))


def _scale(
    cluster: Cluster, scaler: Manifest, asked: tuple[tuple[float, int], ...]
) -> tuple[tuple[float, int], ...]:
    """Set the target's replicas and the autoscaler's status; return what was asked lately."""
    spec = scaler["spec"]
    target = spec["scaleTargetRef"]
    deployment = (
        cluster.store.get("deployments", cluster.namespace, target["name"])
        if target.get("kind") == "Deployment"
        else None
    )
    if deployment is None or deployment["spec"]["replicas"] == 0:
        return asked
    replicas, share = deployment["spec"]["replicas"], _target_share(spec)
    used = _utilization(cluster, target["name"])
    wanted = replicas
    if used is not None and abs(used / share - 1.0) > TOLERANCE:
        wanted = ceil(replicas * used / share)
    least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
    wanted = min(max(wanted, least), most)
    asked = (*(one for one in asked if one[0] > cluster.now - CALM), (cluster.now, wanted))
    settled = max(wanted, *(count for _, count in asked)) if wanted < replicas else wanted
    settled = min(settled, max(replicas, wanted))
    if settled != replicas:
        deployment["spec"]["replicas"] = settled
        _tell(cluster, scaler, settled, grown=settled > replicas)
        cluster.store.touch("deployments", deployment, spec=True)
    status: Manifest = {"currentReplicas": replicas, "desiredReplicas": settled}
    if used is not None:
        current = {"averageUtilization": round(used)}
        resource = {"current": current, "name": "cpu"}
        status["currentMetrics"] = [{"resource": resource, "type": "Resource"}]
    if scaler["status"] != status:
        scaler["status"] = status
        cluster.store.touch(_KIND, scaler)
    cluster.settle()
    return asked


def _target_share(spec: Manifest) -> int:
    """Return the percentage of their requests that the pods shall use."""
    for metric in spec.get("metrics") or ():
        if metric.get("type") == "Resource" and metric["resource"]["name"] == "cpu":
            return int(metric["resource"]["target"].get("averageUtilization", _DEFAULT_SHARE))
    return _DEFAULT_SHARE


def _utilization(cluster: Cluster, name: str) -> float | None:
    """Return the processor time of the ready pods in percent of their requests."""
    used = wanted = 0
    for pod in cluster.pods_of(name):
        reading = usage(cluster, pod) if is_ready(pod) else None
        requests = (pod["spec"]["containers"][0].get("resources") or {}).get("requests") or {}
        if reading is not None and "cpu" in requests:
            used += reading[0]
            wanted += millicores(requests["cpu"])
    return 100.0 * used / wanted if wanted else None


def _tell(cluster: Cluster, scaler: Manifest, replicas: int, *, grown: bool) -> None:
    why = (
        "cpu resource utilization (percentage of request) above target"
        if grown
        else "All metrics below target"
    )
    cluster.events.tell(
        cluster.store,
        cluster.now,
        (_KIND, scaler),
        ("Normal", "SuccessfulRescale", f"New size: {replicas}; reason: {why}"),
        "horizontal-pod-autoscaler",
    )
