"""The replica set controller: as many pods as wanted, and what of them is ready.

Invariant: a pod is made only while its service account exists; a refused creation is told as an
Event and tried again when service accounts change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.controllers import kubelet
from agents.environments.simulated.dice import letters
from agents.environments.simulated.objects.kinds import clone
from agents.environments.simulated.objects.manifest import bare
from agents.environments.simulated.objects.pods import is_ready
from agents.environments.simulated.objects.store import Key

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

_MOST_PODS = 2000
"""What the API server's store has room for; the nodes of a lab run a fraction of it."""
_NO_SPACE = "Error creating: etcdserver: mvcc: database space exceeded"


def reconcile(cluster: Cluster, marks: dict[Key, Manifest]) -> None:
    """Work on every replica set that changed, whose pods did, or that could not make pods."""
    wanted = _concerned(cluster, marks)
    if not wanted:
        return
    owned: dict[str, list[Manifest]] = {name: [] for name in wanted}
    for pod in cluster.store.each("pods", cluster.namespace):
        for owner in pod["metadata"].get("ownerReferences", ()):
            if owner["name"] in owned:
                owned[owner["name"]].append(pod)
    for name, pods in owned.items():
        replica_set = cluster.store.get("replicasets", cluster.namespace, name)
        if replica_set is None:
            for pod in pods:
                kubelet.stop(cluster, pod)
        else:
            _balance(cluster, replica_set, pods)


def _concerned(cluster: Cluster, marks: dict[Key, Manifest]) -> dict[str, None]:
    """Return the names of the replica sets that the marks concern, in their order."""
    wanted: dict[str, None] = {}
    for (kind, _, name), manifest in marks.items():
        if kind == "replicasets":
            wanted[name] = None
        elif kind == "pods":
            for owner in manifest["metadata"].get("ownerReferences", ()):
                wanted[owner["name"]] = None
        elif kind == "serviceaccounts":
            wanted |= {
                item["metadata"]["name"]: None
                for item in cluster.store.each("replicasets", cluster.namespace)
            }
    return wanted


def _balance(cluster: Cluster, replica_set: Manifest, pods: list[Manifest]) -> None:
    wanted = replica_set["spec"]["replicas"]
    for _ in range(wanted - len(pods)):
        pod = _make(cluster, replica_set)
        if pod is None:
            break
        pods.append(pod)
    surplus = sorted(pods, key=_worth)[: len(pods) - wanted] if len(pods) > wanted else []
    for pod in surplus:
        _tell(cluster, replica_set, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
        kubelet.stop(cluster, pod)
        pods.remove(pod)
    ready = sum(is_ready(pod) for pod in pods)
    status: Manifest = {"replicas": len(pods)}
    if pods:
        status["fullyLabeledReplicas"] = len(pods)
    if ready:
        status["availableReplicas"] = status["readyReplicas"] = ready
    status["observedGeneration"] = replica_set["metadata"]["generation"]
    if status != replica_set["status"]:
        replica_set["status"] = status
        cluster.store.touch("replicasets", replica_set)


def _worth(pod: Manifest) -> tuple[bool, str]:
    return is_ready(pod), pod["metadata"]["creationTimestamp"]


def _make(cluster: Cluster, replica_set: Manifest) -> Manifest | None:
    metadata, template = replica_set["metadata"], replica_set["spec"]["template"]
    namespace = metadata["namespace"]
    account = template["spec"].get("serviceAccountName", "default")
    if cluster.store.get("serviceaccounts", namespace, account) is None:
        message = (
            f'Error creating: pods "{metadata["name"]}-" is forbidden: error looking up service '
            f'account {namespace}/{account}: serviceaccount "{account}" not found'
        )
        _tell(cluster, replica_set, "FailedCreate", message, kind="Warning")
        return None
    if cluster.store.count("pods") >= _MOST_PODS:
        _tell(cluster, replica_set, "FailedCreate", _NO_SPACE, kind="Warning")
        return None
    suffix = letters(5, cluster.seed, metadata["name"], cluster.store.version)
    body = bare("pods", f"{metadata['name']}-{suffix}", namespace)
    body["metadata"] |= {
        "generateName": f"{metadata['name']}-",
        "labels": dict(template["metadata"].get("labels") or {}),
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "blockOwnerDeletion": True,
                "controller": True,
                "kind": "ReplicaSet",
                "name": metadata["name"],
                "uid": metadata["uid"],
            }
        ],
    }
    annotations = template["metadata"].get("annotations")
    if annotations:
        body["metadata"]["annotations"] = dict(annotations)
    body["spec"] = clone(template["spec"])
    body["spec"].setdefault("serviceAccountName", account)
    body["status"] = {"phase": "Pending", "qosClass": "Burstable"}
    pod = cluster.store.create("pods", body, cluster.stamp())
    kubelet.admit(cluster, pod)
    _tell(cluster, replica_set, "SuccessfulCreate", f"Created pod: {body['metadata']['name']}")
    return pod


def _tell(
    cluster: Cluster, replica_set: Manifest, reason: str, message: str, *, kind: str = "Normal"
) -> None:
    cluster.events.tell(
        cluster.store,
        cluster.now,
        ("replicasets", replica_set),
        (kind, reason, message),
        "replicaset-controller",
    )
