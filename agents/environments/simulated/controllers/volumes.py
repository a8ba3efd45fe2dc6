"""The volume binder: a volume for every claim whose storage class exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.objects.manifest import bare
from agents.environments.simulated.objects.store import Key

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest


def reconcile(cluster: Cluster, marks: dict[Key, Manifest]) -> None:
    """Bind the claims that wait, if claims or classes changed."""
    if not any(kind in ("persistentvolumeclaims", "storageclasses") for kind, _, _ in marks):
        return
    for claim in cluster.store.each("persistentvolumeclaims"):
        if claim["status"]["phase"] == "Pending":
            _bind(cluster, claim)


def _bind(cluster: Cluster, claim: Manifest) -> None:
    name = claim["spec"].get("storageClassName", "")
    if cluster.store.get("storageclasses", "", name) is None:
        message = f'storageclass.storage.k8s.io "{name}" not found'
        cluster.events.tell(
            cluster.store,
            cluster.now,
            ("persistentvolumeclaims", claim),
            ("Warning", "ProvisioningFailed", message),
            "persistentvolume-controller",
        )
        return
    volume = bare("persistentvolumes", f"pvc-{claim['metadata']['uid']}")
    size = claim["spec"]["resources"]["requests"]["storage"]
    volume["spec"] = {
        "accessModes": claim["spec"]["accessModes"],
        "capacity": {"storage": size},
        "claimRef": {
            "kind": "PersistentVolumeClaim",
            "name": claim["metadata"]["name"],
            "namespace": claim["metadata"]["namespace"],
        },
        "persistentVolumeReclaimPolicy": "Delete",
        "storageClassName": name,
        "volumeMode": "Filesystem",
    }
    volume["status"] = {"phase": "Bound"}
    cluster.store.create("persistentvolumes", volume, cluster.stamp())
    claim["spec"]["volumeName"] = volume["metadata"]["name"]
    claim["status"] = {
        "accessModes": claim["spec"]["accessModes"],
        "capacity": {"storage": size},
        "phase": "Bound",
    }
    cluster.store.touch("persistentvolumeclaims", claim)
