"""Descriptions of claims, volumes and storage classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.clock import age, seconds_of
from agents.environments.simulated.kubectl.cells import modes_text
from agents.environments.simulated.kubectl.cells_storage import DEFAULT_RECLAIM, is_default_class
from agents.environments.simulated.kubectl.describe_parts import field, go_list, pairs
from agents.environments.simulated.kubectl.describe_volumes import source_lines
from agents.environments.simulated.objects.selectors import selector_text

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

_SOURCES = ("hostPath", "nfs", "csi", "local")


def _phase(cluster: Cluster, item: Manifest) -> str:
    ending = item["metadata"].get("deletionTimestamp")
    if ending:
        return f"Terminating (lasts {age(cluster.now - seconds_of(ending))})"
    return str(item["status"]["phase"])


def describe_claim(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a claim without its events."""
    metadata, spec, status = item["metadata"], item["spec"], item["status"]
    users = sorted(
        pod["metadata"]["name"]
        for pod in cluster.store.each("pods", metadata["namespace"])
        for volume in pod["spec"].get("volumes") or ()
        if (volume.get("persistentVolumeClaim") or {}).get("claimName") == metadata["name"]
    )
    bound = bool(spec.get("volumeName"))
    return [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        field("StorageClass", spec.get("storageClassName", "")),
        field("Status", _phase(cluster, item)),
        field("Volume", spec.get("volumeName", "")),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        field("Finalizers", go_list(metadata.get("finalizers", ["kubernetes.io/pvc-protection"]))),
        field("Capacity", status.get("capacity", {}).get("storage", "0") if bound else ""),
        field("Access Modes", modes_text(status.get("accessModes")) if bound else ""),
        field("VolumeMode", spec.get("volumeMode", "Filesystem")),
        field("Used By", (users or ["<none>"])[0]),
        *(f"\t{user}" for user in users[1:]),
    ]


def describe_volume(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a persistent volume without its events."""
    metadata, spec = item["metadata"], item["spec"]
    claim = spec.get("claimRef")
    known = any(source in spec for source in _SOURCES)
    return [
        field("Name", metadata["name"]),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        field("Finalizers", go_list(metadata.get("finalizers", ["kubernetes.io/pv-protection"]))),
        field("StorageClass", spec.get("storageClassName", "")),
        field("Status", _phase(cluster, item)),
        field("Claim", f"{claim['namespace']}/{claim['name']}" if claim else ""),
        field("Reclaim Policy", spec["persistentVolumeReclaimPolicy"]),
        field("Access Modes", modes_text(spec.get("accessModes", ("ReadWriteOnce",)))),
        field("VolumeMode", spec.get("volumeMode", "Filesystem")),
        field("Capacity", spec["capacity"]["storage"]),
        field("Node Affinity", "<none>"),
        field("Message", item["status"].get("message", "")),
        "Source:",
        *(source_lines(spec) if known else ["  <unknown>"]),
    ]


def describe_class(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a storage class without its events."""
    options = item.get("mountOptions") or []
    expands = item.get("allowVolumeExpansion")
    return [
        field("Name", item["metadata"]["name"]),
        field("IsDefaultClass", "Yes" if is_default_class(item) else "No"),
        field("Annotations", selector_text(item["metadata"].get("annotations") or {}) or "<none>"),
        field("Provisioner", item["provisioner"]),
        field("Parameters", selector_text(item.get("parameters") or {}) or "<none>"),
        field("AllowVolumeExpansion", "<unset>" if expands is None else str(bool(expands))),
        *(["MountOptions:", *(f"  {option}" for option in options)] if options else []),
        *([] if options else [field("MountOptions", "<none>")]),
        field("ReclaimPolicy", item.get("reclaimPolicy", DEFAULT_RECLAIM)),
        field("VolumeBindingMode", item.get("volumeBindingMode", "Immediate")),
    ]
