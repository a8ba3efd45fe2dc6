"""The volume binder: a volume for every claim whose storage class provisions, else one that fits.

Invariant: a volume has at most one claim; one whose claim is gone is Released until somebody
removes its claimRef (reclaim policy Retain) or goes with it (Delete).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.objects.manifest import bare
from agents.environments.simulated.objects.quantity import amount
from agents.environments.simulated.objects.store import Key

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest


_WAKING = ("persistentvolumeclaims", "persistentvolumes", "storageclasses")
BY_HAND = "kubernetes.io/no-provisioner"


def reconcile(cluster: Cluster, marks: dict[Key, Manifest]) -> None:
    """Release volumes whose claim is gone, then bind the claims that wait."""
    if not any(kind in _WAKING for kind, _, _ in marks):
        return
    for volume in cluster.store.each("persistentvolumes"):
        _release(cluster, volume)
    for claim in cluster.store.each("persistentvolumeclaims"):
        if claim["status"]["phase"] == "Pending":
            _serve(cluster, claim)


def _release(cluster: Cluster, volume: Manifest) -> None:
    """Bring a volume's phase up to its claimRef."""
    reference = volume["spec"].get("claimRef")
    phase = volume["status"].get("phase", "Available")
    if reference is None:
        if phase != "Available":
            volume["status"]["phase"] = "Available"
            cluster.store.touch("persistentvolumes", volume)
        return
    claim = cluster.store.get("persistentvolumeclaims", reference["namespace"], reference["name"])
    same = claim is not None and reference.get("uid") in (None, claim["metadata"]["uid"])
    if same or phase != "Bound":
        return
    if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
        cluster.store.delete("persistentvolumes", volume)
    else:
        volume["status"]["phase"] = "Released"
        cluster.store.touch("persistentvolumes", volume)


def _serve(cluster: Cluster, claim: Manifest) -> None:
    name = claim["spec"].get("storageClassName", "")
    storage = cluster.store.get("storageclasses", "", name)
    fitting = next((v for v in cluster.store.listed("persistentvolumes") if _fits(v, claim)), None)
    if fitting is not None:
        fitting["spec"]["claimRef"] = _reference(claim)
        fitting["status"] = {"phase": "Bound"}
        cluster.store.touch("persistentvolumes", fitting)
        _bound(cluster, claim, fitting)
    elif storage is None and (name or not cluster.application.static_volumes):
        _complain(cluster, claim, f'storageclass.storage.k8s.io "{name}" not found')
    elif storage is not None and storage.get("provisioner") != BY_HAND:
        _provision(cluster, claim, name)
    else:
        _await(cluster, claim)


def _fits(volume: Manifest, claim: Manifest) -> bool:
    spec = volume["spec"]
    wanted = claim["spec"]["resources"]["requests"]["storage"]
    return (
        volume["status"].get("phase", "Available") == "Available"
        and spec.get("storageClassName", "") == claim["spec"].get("storageClassName", "")
        and amount(spec["capacity"]["storage"]) >= amount(wanted)
        and set(claim["spec"]["accessModes"]) <= set(spec["accessModes"])
    )


def _reference(claim: Manifest) -> Manifest:
    metadata = claim["metadata"]
    return {
        "kind": "PersistentVolumeClaim",
        "name": metadata["name"],
        "namespace": metadata["namespace"],
    }


def _complain(cluster: Cluster, claim: Manifest, message: str) -> None:
    cluster.events.tell(
        cluster.store,
        cluster.now,
        ("persistentvolumeclaims", claim),
        ("Warning", "ProvisioningFailed", message),
        "persistentvolume-controller",
    )


def _await(cluster: Cluster, claim: Manifest) -> None:
    cluster.events.tell(
        cluster.store,
        cluster.now,
        ("persistentvolumeclaims", claim),
        (
            "Normal",
            "FailedBinding",
            "no persistent volumes available for this claim and no storage class is set",
        ),
        "persistentvolume-controller",
    )


def _provision(cluster: Cluster, claim: Manifest, name: str) -> None:
    volume = bare("persistentvolumes", f"pvc-{claim['metadata']['uid']}")
    size = claim["spec"]["resources"]["requests"]["storage"]
    volume["spec"] = {
        "accessModes": claim["spec"]["accessModes"],
        "capacity": {"storage": size},
        "claimRef": _reference(claim),
        "persistentVolumeReclaimPolicy": "Delete",
        "storageClassName": name,
        "volumeMode": "Filesystem",
    }
    volume["status"] = {"phase": "Bound"}
    cluster.store.create("persistentvolumes", volume, cluster.stamp())
    _bound(cluster, claim, volume)


def _bound(cluster: Cluster, claim: Manifest, volume: Manifest) -> None:
    claim["spec"]["volumeName"] = volume["metadata"]["name"]
    claim["status"] = {
        "accessModes": claim["spec"]["accessModes"],
        "capacity": dict(volume["spec"]["capacity"]),
        "phase": "Bound",
    }
    cluster.store.touch("persistentvolumeclaims", claim)
