"""AIOpsLab's own checks of a mitigation, as loose as they are; the strict verdict is the oracle's.

Source: what each of its mitigation problems looks at in the end state of the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.objects.pods import workload_of

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster

_TARGET_PORT = 9090


def reported_ready(cluster: Cluster) -> bool:
    """Return whether every container that has a status is ready: a pod that waits has none."""
    return all(
        status["ready"]
        for pod in cluster.store.listed("pods", cluster.namespace)
        for status in pod["status"].get("containerStatuses", ())
    )


def passes(cluster: Cluster, family: str | None, service: str | None) -> bool:
    """Return the benchmark's verdict on the present state after a mitigation."""
    if not reported_ready(cluster):
        return False
    if family == "k8s_target_port-misconfig":
        body = cluster.store.get("services", cluster.namespace, service or "")
        return body is not None and body["spec"]["ports"][0].get("targetPort") == _TARGET_PORT
    if family == "scale_pod_zero":
        body = cluster.store.get("deployments", cluster.namespace, service or "")
        available = (body or {}).get("status", {}).get("availableReplicas", 0)
        return body is not None and body["spec"]["replicas"] == available == 1
    if family == "assign_to_non_existent_node":
        pods = cluster.store.listed("pods", cluster.namespace)
        return any(workload_of(pod) == service for pod in pods)
    if family == "wrong_bin_usage":
        body = cluster.store.get("deployments", cluster.namespace, service or "")
        containers = (body or {}).get("spec", {}).get("template", {}).get("spec", {})
        return any(service in (c.get("command") or ()) for c in containers.get("containers", ()))
    return True
