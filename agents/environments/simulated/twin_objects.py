"""The objects of a twin: those of the dump as they are, and what every namespace needs beside.

Invariant: an object keeps its name, labels, spec, uid and age; Secrets have a name and the keys
that are asked of them, and values that are the same placeholder everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.controllers.scheduler import requests_of
from agents.environments.simulated.objects import manifest
from agents.environments.simulated.objects.kinds import clone
from agents.environments.simulated.twin_checks import at

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest
    from agents.environments.simulated.twin_dump import Dump
    from agents.environments.simulated.twin_workloads import Workload

_KINDS = (
    "configmaps",
    "persistentvolumeclaims",
    "networkpolicies",
    "horizontalpodautoscalers",
    "ingresses",
    "services",
)
PLACEHOLDER = "cGxhY2Vob2xkZXI="
_CORES, _GIBIBYTES = 8, 32
_MISSING = "not found"


def put(cluster: Cluster, kind: str, body: Manifest) -> Manifest:
    """Create a copy of an object that keeps its uid and its age."""
    body = clone(body)
    kept = {
        key: body["metadata"][key]
        for key in ("uid", "creationTimestamp")
        if key in body["metadata"]
    }
    created = cluster.store.create(kind, body, cluster.stamp())
    created["metadata"] |= kept
    return created


def furnish(cluster: Cluster, dump: Dump, workloads: list[Workload]) -> None:
    """Create everything but replica sets, pods and deployments."""
    for name in dict.fromkeys(("default", "kube-system", cluster.namespace)):
        body = manifest.bare("namespaces", name, labels={"kubernetes.io/metadata.name": name})
        body["spec"] = {"finalizers": ["kubernetes"]}
        body["status"] = {"phase": "Active"}
        put(cluster, "namespaces", body)
    _nodes(cluster, dump, workloads)
    _storage(cluster, dump)
    _accounts(cluster, dump, workloads)
    _secrets(cluster, dump, workloads)
    for kind in _KINDS:
        for body in dump.each(kind):
            put(cluster, kind, body)
    by_hand = {
        s["metadata"]["name"] for s in dump.each("services") if not s["spec"].get("selector")
    }
    for body in dump.each("endpoints"):
        if body["metadata"]["name"] in by_hand:
            put(cluster, "endpoints", body)


def _nodes(cluster: Cluster, dump: Dump, workloads: list[Workload]) -> None:
    """Create the nodes: those of the dump, else ones on which fits what runs and no more."""
    known = {item["metadata"]["name"]: item for item in dump.each("nodes")}
    pods = [(w, pod) for w in workloads for pod in w.pods]
    for index, name in enumerate(cluster.application.nodes):
        if name in known:
            body = clone(known[name])
            body["metadata"].setdefault("labels", {})
            body["status"].setdefault("conditions", [])
            body["status"]["addresses"] = manifest.node(name, 1, 1, f"172.18.0.{index + 2}")[
                "status"
            ]["addresses"]
            put(cluster, "nodes", body)
            continue
        body = manifest.node(name, _CORES, _GIBIBYTES, f"172.18.{index // 250}.{index % 250 + 2}")
        here = [(w, pod) for w, pod in pods if pod["spec"].get("nodeName") == name]
        asked = [requests_of({"spec": w.template["spec"]}) for w, _ in here]
        cores = sum(cpu for cpu, _ in asked)
        size = max(_CORES * 1000, 2 * cores)
        for workload, pod in pods:
            wanted, _ = requests_of({"spec": workload.template["spec"]})
            if not pod["spec"].get("nodeName") and "Insufficient cpu" in scheduling(pod):
                size = max(cores, min(size, cores + wanted - 1))
        memory = max(_GIBIBYTES * 2**20, int(2 * 1024 * sum(mebi for _, mebi in asked)))
        for place in ("allocatable", "capacity"):
            body["status"][place] |= {"cpu": f"{size}m", "memory": f"{memory}Ki"}
            if size % 1000 == 0:
                body["status"][place]["cpu"] = str(size // 1000)
        for workload, _ in here:
            body["metadata"]["labels"] |= workload.template["spec"].get("nodeSelector") or {}
        put(cluster, "nodes", body)


def scheduling(pod: Manifest) -> str:
    """Return what the scheduler says of a pod in a dump, or an empty text."""
    for item in pod["status"].get("conditions") or ():
        if item.get("type") == "PodScheduled" and item.get("status") == "False":
            return str(item.get("message", ""))
    return ""


def _storage(cluster: Cluster, dump: Dump) -> None:
    """Create the classes and volumes of the claims that are bound; others have no class."""
    classes = {cluster.application.storage_class}
    for item in dump.each("persistentvolumeclaims"):
        spec = item["spec"]
        name = spec.get("volumeName")
        if item["status"]["phase"] != "Bound" or not isinstance(name, str):
            continue
        classes.add(str(spec.get("storageClassName", "")))
        if cluster.store.get("persistentvolumes", "", name) is not None:
            continue
        body = manifest.bare("persistentvolumes", name)
        claim = {"kind": "PersistentVolumeClaim", "name": item["metadata"]["name"]}
        body["spec"] = {
            "accessModes": spec["accessModes"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "claimRef": claim | {"namespace": cluster.namespace},
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": str(spec.get("storageClassName", "")),
            "volumeMode": "Filesystem",
        }
        body["status"] = {"phase": "Bound"}
        put(cluster, "persistentvolumes", body)
    for name in sorted(classes - {""}):
        body = manifest.bare("storageclasses", name)
        body |= {
            "provisioner": "rancher.io/local-path",
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "Immediate",
        }
        put(cluster, "storageclasses", body)


def _accounts(cluster: Cluster, dump: Dump, workloads: list[Workload]) -> None:
    """Create the service accounts; a dump without any is taken to have all that are named."""
    listed = {item["metadata"]["name"]: item for item in dump.each("serviceaccounts")}
    wanted = {"default"}
    if not listed:
        wanted |= {
            str(template["spec"].get("serviceAccountName") or "default")
            for workload in workloads
            for template in (workload.template, *(s["spec"]["template"] for s in workload.sets))
        }
    for name in sorted(wanted - listed.keys()):
        listed[name] = manifest.bare("serviceaccounts", name, cluster.namespace)
    for body in listed.values():
        put(cluster, "serviceaccounts", body)


def _secrets(cluster: Cluster, dump: Dump, workloads: list[Workload]) -> None:
    """Create the Secrets that are named or asked for, but those that pods say are missing."""
    keys: dict[str, set[str]] = {s["metadata"]["name"]: set() for s in dump.each("secrets")}
    complaints = " ".join(_complaints(workloads))
    for workload in workloads:
        for replica_set in workload.sets:
            for container in replica_set["spec"]["template"]["spec"]["containers"]:
                for item in container.get("env") or ():
                    reference = at(item, "valueFrom", "secretKeyRef") or {}
                    name, key = str(reference.get("name")), str(reference.get("key"))
                    if not reference or f'secret "{name}" {_MISSING}' in complaints:
                        continue
                    keys.setdefault(name, set())
                    where = f"{cluster.namespace}/{name}"
                    if f"find key {key} in Secret {where}" not in complaints:
                        keys[name].add(key)
                for source in container.get("envFrom") or ():
                    name = at(source, "secretRef", "name")
                    if isinstance(name, str) and f'secret "{name}" {_MISSING}' not in complaints:
                        keys.setdefault(name, set())
    for name in sorted(keys):
        body = manifest.bare("secrets", name, cluster.namespace)
        body["data"] = dict.fromkeys(sorted(keys[name]), PLACEHOLDER)
        body["type"] = "Opaque"
        put(cluster, "secrets", body)


def _complaints(workloads: list[Workload]) -> list[str]:
    """Return why containers can't be made, as the statuses of pods say."""
    return [
        str(at(status, "state", "waiting", "message") or "")
        for workload in workloads
        for pod in workload.pods
        for status in pod["status"].get("containerStatuses") or ()
    ]
