"""The scheduler: a node for every pod that fits one, and the reason for every pod that doesn't.

Invariant: requests on a node never exceed what it can allocate; a pod that waits says why in its
PodScheduled condition and in one FailedScheduling event for each reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.dice import draw
from agents.environments.simulated.objects.quantity import amount, mebibytes, millicores
from agents.environments.simulated.objects.selectors import matches
from agents.environments.simulated.objects.store import Key

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

Totals = dict[str, tuple[int, float, int]]
"""What the pods of each node request: (millicores, MiB, pods)."""
_NOTHING = (0, 0.0, 0)
_FULL = "Too many pods"
_WAKING = ("pods", "nodes", "persistentvolumeclaims", "persistentvolumes")


def requests_of(pod: Manifest) -> tuple[int, float]:
    """Return a pod's requests: (millicores, MiB)."""
    return sizes_of(pod, "requests")


def sizes_of(pod: Manifest, which: str) -> tuple[int, float]:
    """Return a pod's `requests` or `limits`: (millicores, MiB)."""
    cpu, memory = 0, 0.0
    for container in pod["spec"]["containers"]:
        wanted = (container.get("resources") or {}).get(which) or {}
        cpu += millicores(wanted.get("cpu", "0"))
        memory += mebibytes(wanted.get("memory", "0"))
    return cpu, memory


def reconcile(cluster: Cluster, marks: dict[Key, Manifest]) -> None:
    """Try every pod without a node, if something changed that may give it one."""
    if not any(kind in _WAKING for kind, _, _ in marks):
        return
    waiting = [run.pod for run in cluster.runs.values() if "nodeName" not in run.pod["spec"]]
    if not waiting:
        return
    totals = used(cluster)
    refused: dict[str, str] = {}
    """Why no node takes a replica set's pods, while nothing is placed: they are all alike."""
    for pod in waiting:
        owner = _owner(pod)
        problem = refused.get(owner) or _place(cluster, pod, totals)
        if problem is None:
            refused.clear()
        else:
            refused[owner] = problem
            _complain(cluster, pod, problem)


def _owner(pod: Manifest) -> str:
    metadata = pod["metadata"]
    owners = metadata.get("ownerReferences") or [metadata]
    return str(owners[0]["uid"])


def used(cluster: Cluster) -> Totals:
    """Return what is requested on each node: (millicores, MiB, pods)."""
    totals: Totals = {}
    for run in cluster.runs.values():
        node = run.pod["spec"].get("nodeName")
        if node:
            _count(totals, node, run.pod)
    return totals


def _count(totals: Totals, node: str, pod: Manifest) -> None:
    cpu, memory = requests_of(pod)
    before = totals.get(node, _NOTHING)
    totals[node] = (before[0] + cpu, before[1] + memory, before[2] + 1)


def _place(cluster: Cluster, pod: Manifest, totals: Totals) -> str | None:
    """Give a pod its node; returns None, or why there is none."""
    nodes = cluster.store.listed("nodes")
    problem = _claims(cluster, pod)
    if problem is None:
        reasons: dict[str, int] = {}
        fitting: list[tuple[float, int, Manifest]] = []
        for node in nodes:
            reason = _refusal(node, pod, totals)
            if reason:
                reasons[reason] = reasons.get(reason, 0) + 1
            else:
                name = node["metadata"]["name"]
                cpu = totals.get(name, _NOTHING)[0]
                tie = draw(cluster.seed, pod["metadata"]["name"], name)
                fitting.append((round(cpu / 500), tie, node))
        if fitting:
            node = min(fitting, key=lambda item: item[:2])[2]
            _bind(cluster, pod, node)
            _count(totals, node["metadata"]["name"], pod)
            return None
        parts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        resource = any("Insufficient" in reason or reason == _FULL for reason in reasons)
        tail = (
            f"{len(nodes)} No preemption victims found for incoming pod."
            if resource
            else f"{len(nodes)} Preemption is not helpful for scheduling."
        )
        problem = f"{parts}. preemption: 0/{len(nodes)} nodes are available: {tail}"
    return f"0/{len(nodes)} nodes are available: {problem}"


def _claims(cluster: Cluster, pod: Manifest) -> str | None:
    """Return why the pod's volumes keep it from any node, or None."""
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes", ()):
        source = volume.get("persistentVolumeClaim")
        if source is None:
            continue
        claim = cluster.store.get("persistentvolumeclaims", namespace, source["claimName"])
        if claim is None:
            return f'persistentvolumeclaim "{source["claimName"]}" not found. not found'
        if claim["status"]["phase"] != "Bound":
            return "pod has unbound immediate PersistentVolumeClaims. not found"
    return None


def _refusal(node: Manifest, pod: Manifest, totals: Totals) -> str | None:
    spec = node["spec"]
    if spec.get("unschedulable"):
        return "node(s) were unschedulable"
    for taint in spec.get("taints", ()):
        if taint["effect"] != "PreferNoSchedule" and not _tolerated(pod, taint):
            return "node(s) had untolerated taint(s)"
    if not matches(pod["spec"].get("nodeSelector") or {}, node["metadata"].get("labels") or {}):
        return "node(s) didn't match Pod's node affinity/selector"
    cpu, memory = requests_of(pod)
    used_cpu, used_memory, pods = totals.get(node["metadata"]["name"], _NOTHING)
    size = node["status"]["allocatable"]
    if "pods" in size and pods + 1 > amount(str(size["pods"])):
        return _FULL
    if used_cpu + cpu > millicores(size["cpu"]):
        return "Insufficient cpu"
    if used_memory + memory > amount(size["memory"]) / 2**20:
        return "Insufficient memory"
    return None


def _tolerated(pod: Manifest, taint: Manifest) -> bool:
    return any(
        toleration.get("key") in (None, taint["key"])
        and toleration.get("effect") in (None, taint["effect"])
        for toleration in pod["spec"].get("tolerations", ())
    )


def _bind(cluster: Cluster, pod: Manifest, node: Manifest) -> None:
    metadata = pod["metadata"]
    pod["spec"]["nodeName"] = node["metadata"]["name"]
    message = (
        f"Successfully assigned {metadata['namespace']}/{metadata['name']} "
        f"to {node['metadata']['name']}"
    )
    cluster.events.tell(
        cluster.store,
        cluster.now,
        ("pods", pod),
        ("Normal", "Scheduled", message),
        "default-scheduler",
    )
    cluster.store.touch("pods", pod)


def _complain(cluster: Cluster, pod: Manifest, message: str) -> None:
    conditions = pod["status"].get("conditions", ())
    if any(item.get("message") == message for item in conditions):
        return
    pod["status"]["conditions"] = [
        {
            "lastProbeTime": None,
            "lastTransitionTime": cluster.stamp(),
            "message": message,
            "reason": "Unschedulable",
            "status": "False",
            "type": "PodScheduled",
        }
    ]
    cluster.events.tell(
        cluster.store,
        cluster.now,
        ("pods", pod),
        ("Warning", "FailedScheduling", message),
        "default-scheduler",
    )
    cluster.store.touch("pods", pod)
