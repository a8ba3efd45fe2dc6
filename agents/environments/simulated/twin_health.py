"""Whether a twin is well, in what it differs from its dump, and which policies are in the way.

Invariant: only the state is looked at. Stricter than the oracle, which knows where the users are:
here any call that fails by itself counts, whether or not it is known to fail its caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.kubectl.cells_pods import pod_status
from agents.environments.simulated.network import Obstacle, backends
from agents.environments.simulated.objects.pods import is_ready, workload_of
from agents.environments.simulated.objects.selectors import matches
from agents.environments.simulated.oracle import unhealthy
from agents.environments.simulated.twin_checks import at
from agents.environments.simulated.twin_workloads import is_ready_in

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest
    from agents.environments.simulated.twin_workloads import Workload


def ailment(cluster: Cluster) -> str | None:
    """Return what is wrong: pods, rollouts, traffic, any call, or a service for nothing."""
    problem = unhealthy(cluster)
    calls = [
        f"calls of {caller} to {target} at {address} fail: {obstacle}"
        for caller, target, address, obstacle in failing(cluster)
    ]
    if problem is not None or calls:
        return "; ".join([*([problem] if problem else []), *calls[:1]])
    for service in cluster.store.listed("services", cluster.namespace):
        selector = service["spec"].get("selector")
        if selector and not _selects(cluster, selector):
            return f"service {service['metadata']['name']} selects no workload"
    return _unanswered(cluster)


def _unanswered(cluster: Cluster) -> str | None:
    """Return a service behind which no ready pod takes connections on any of its ports."""
    by_address = {run.address: run for run in cluster.runs.values() if run.address}
    for service in cluster.store.listed("services", cluster.namespace):
        name, spec = service["metadata"]["name"], service["spec"]
        if not spec.get("selector") or not spec.get("ports"):
            continue
        behind = [
            pair
            for port in spec["ports"]
            for pair in backends(cluster, service, port["port"], by_address)
        ]
        if not behind:
            return f"service {name} has no ready pod behind it"
        if not any(run.accepts(cluster.now, number) for run, number in behind):
            return f"nothing behind service {name} listens on port {behind[0][1]}"
    return None


def _selects(cluster: Cluster, selector: dict[str, str]) -> bool:
    return any(
        matches(selector, item["spec"]["template"]["metadata"].get("labels") or {})
        for item in cluster.store.each("deployments", cluster.namespace)
    )


def failing(cluster: Cluster) -> list[tuple[str, str, str, Obstacle]]:
    """Return (caller, target, address, obstacle) of the calls that fail by themselves."""
    found = []
    for uid, traffic in cluster.epochs[-1].pods.items() if cluster.epochs else ():
        run = cluster.runs.get(uid)
        if run is not None:
            caller = workload_of(run.pod)
            found += [
                (caller, failure.target, str(failure.address), failure.obstacle)
                for failure in traffic.failures
                if failure.obstacle is not Obstacle.UPSTREAM
            ]
    return sorted(found)


def obstructing(cluster: Cluster) -> list[str]:
    """Return the network policies without which fewer calls fail: a correction may take them."""

    def trouble(of: Cluster) -> tuple[int, float]:
        return len(failing(of)), of.epochs[-1].errors if of.epochs else 0.0

    before = trouble(cluster)
    names = [
        p["metadata"]["name"] for p in cluster.store.each("networkpolicies", cluster.namespace)
    ]
    found = []
    for name in names if before > (0, 0.0) else ():
        less = without_policies(cluster, [name])
        less.remeasure()
        if trouble(less) < before:
            found.append(name)
    return found


def without_policies(cluster: Cluster, policies: list[str]) -> Cluster:
    """Return a copy of a cluster without some of its network policies."""
    copy = cluster.fork()
    for name in policies:
        policy = copy.store.get("networkpolicies", copy.namespace, name)
        if policy is not None:
            copy.store.delete("networkpolicies", policy)
    return copy


def differences(cluster: Cluster, workloads: list[Workload]) -> tuple[str, ...]:
    """Return the pods that are ready in one of dump and twin only, or are in one only."""
    found = []
    present = {
        pod["metadata"]["name"]: pod for pod in cluster.store.listed("pods", cluster.namespace)
    }
    for workload in workloads:
        for pod in workload.pods:
            name = pod["metadata"]["name"]
            mine = present.pop(name, None)
            if mine is None:
                found.append(f"pod {name} is gone in the twin")
                continue
            ready = is_ready_in(pod)
            if ready != is_ready(mine):
                words = ("not ready", "ready")
                found.append(
                    f"pod {name} is {words[ready]} ({_status_in(pod)}) in the dump, "
                    f"{words[not ready]} ({pod_status(mine)}) in the twin"
                )
    found += [f"pod {name} is not in the dump" for name in present]
    return tuple(found)


def _status_in(pod: Manifest) -> str:
    """Return nearly the STATUS column of a pod of a dump."""
    words = [
        at(one, "state", "waiting", "reason") or at(one, "state", "terminated", "reason")
        for field in ("initContainerStatuses", "containerStatuses")
        for one in pod["status"].get(field) or ()
    ]
    told = next((word for word in words if word and word != "Completed"), None)
    return str(told or pod["status"].get("phase", "Unknown"))
