"""The columns of claims, volumes and storage classes."""

from agents.environments.simulated.kubectl.cells import Columns, age_of, modes_text
from agents.environments.simulated.objects.kinds import Manifest

_DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
DEFAULT_RECLAIM = "Delete"


def _claim(item: Manifest, now: float) -> list[str]:
    spec, status = item["spec"], item["status"]
    bound = bool(spec.get("volumeName"))
    ending = item["metadata"].get("deletionTimestamp")
    return [
        item["metadata"]["name"],
        "Terminating" if ending else status["phase"],
        spec.get("volumeName", ""),
        status.get("capacity", {}).get("storage", "0") if bound else "",
        modes_text(status.get("accessModes")) if bound else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName", "<unset>"),
        age_of(item, now),
    ]


def _volume(item: Manifest, now: float) -> list[str]:
    spec = item["spec"]
    claim = spec.get("claimRef", {})
    return [
        item["metadata"]["name"],
        spec["capacity"]["storage"],
        modes_text(spec.get("accessModes", ("ReadWriteOnce",))),
        spec["persistentVolumeReclaimPolicy"],
        "Terminating" if item["metadata"].get("deletionTimestamp") else item["status"]["phase"],
        f"{claim['namespace']}/{claim['name']}" if claim else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName", "<unset>"),
        item["status"].get("reason", ""),
        age_of(item, now),
    ]


def is_default_class(item: Manifest) -> bool:
    """Return whether claims without a class get this one."""
    annotations = item["metadata"].get("annotations") or {}
    return any(annotations.get(key) == "true" for key in _DEFAULT_CLASS)


def _class(item: Manifest, now: float) -> list[str]:
    return [
        f"{item['metadata']['name']}{' (default)' if is_default_class(item) else ''}",
        item["provisioner"],
        item.get("reclaimPolicy", DEFAULT_RECLAIM),
        item.get("volumeBindingMode", "Immediate"),
        str(bool(item.get("allowVolumeExpansion"))).lower(),
        age_of(item, now),
    ]


def _mode(item: Manifest, _now: float) -> list[str]:
    return [item["spec"].get("volumeMode", "Filesystem")]


CLAIMS = Columns(
    header=(
        "NAME",
        "STATUS",
        "VOLUME",
        "CAPACITY",
        "ACCESS MODES",
        "STORAGECLASS",
        "VOLUMEATTRIBUTESCLASS",
        "AGE",
    ),
    cells=_claim,
    wide=("VOLUMEMODE",),
    wide_cells=_mode,
)
VOLUMES = Columns(
    header=(
        "NAME",
        "CAPACITY",
        "ACCESS MODES",
        "RECLAIM POLICY",
        "STATUS",
        "CLAIM",
        "STORAGECLASS",
        "VOLUMEATTRIBUTESCLASS",
        "REASON",
        "AGE",
    ),
    cells=_volume,
    wide=("VOLUMEMODE",),
    wide_cells=_mode,
)
CLASSES = Columns(
    header=(
        "NAME",
        "PROVISIONER",
        "RECLAIMPOLICY",
        "VOLUMEBINDINGMODE",
        "ALLOWVOLUMEEXPANSION",
        "AGE",
    ),
    cells=_class,
)
