"""The columns of every kind's table, narrow and wide.

Invariant: headers and cells are those of the API server's table printer; a kind without columns
of its own has NAME and AGE.
"""

from collections.abc import Callable
from dataclasses import dataclass

from agents.environments.simulated.clock import age, seconds_of
from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.selectors import selector_text

Row = Callable[[Manifest, float], list[str]]
_NONE = "<none>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A table's header and cells; the wide ones follow the narrow ones."""

    header: tuple[str, ...]
    cells: Row
    wide: tuple[str, ...] = ()
    wide_cells: Row | None = None


def age_of(item: Manifest, now: float) -> str:
    """Return the AGE of an object."""
    return age(now - seconds_of(item["metadata"]["creationTimestamp"]))


def _containers(item: Manifest) -> list[Manifest]:
    found: list[Manifest] = item["spec"]["template"]["spec"]["containers"]
    return found


def _template_cells(item: Manifest, _now: float) -> list[str]:
    containers = _containers(item)
    return [
        ",".join(container["name"] for container in containers),
        ",".join(container["image"] for container in containers),
        selector_text(item["spec"]["selector"].get("matchLabels", {})),
    ]


def pod_status(pod: Manifest) -> str:
    """Return the STATUS column of a pod."""
    for status in pod["status"].get("containerStatuses", ()):
        state = status["state"]
        if "waiting" in state:
            return str(state["waiting"]["reason"])
        if "terminated" in state:
            return str(state["terminated"]["reason"])
    return str(pod["status"]["phase"])


def _restarts(pod: Manifest, now: float) -> str:
    statuses = pod["status"].get("containerStatuses", ())
    count = sum(status["restartCount"] for status in statuses)
    ends = [
        status["lastState"]["terminated"]["finishedAt"]
        for status in statuses
        if "terminated" in status["lastState"]
    ]
    return f"{count} ({age(now - seconds_of(max(ends)))} ago)" if count and ends else str(count)


def _pod(pod: Manifest, now: float) -> list[str]:
    total = len(pod["spec"]["containers"])
    ready = sum(status["ready"] for status in pod["status"].get("containerStatuses", ()))
    return [
        pod["metadata"]["name"],
        f"{ready}/{total}",
        pod_status(pod),
        _restarts(pod, now),
        age_of(pod, now),
    ]


def _pod_wide(pod: Manifest, _now: float) -> list[str]:
    return [pod["status"].get("podIP", _NONE), pod["spec"].get("nodeName", _NONE), _NONE, _NONE]


def _deployment(item: Manifest, now: float) -> list[str]:
    status = item["status"]
    return [
        item["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{item['spec']['replicas']}",
        str(status.get("updatedReplicas", 0)),
        str(status.get("availableReplicas", 0)),
        age_of(item, now),
    ]


def _replica_set(item: Manifest, now: float) -> list[str]:
    status = item["status"]
    return [
        item["metadata"]["name"],
        str(item["spec"]["replicas"]),
        str(status.get("replicas", 0)),
        str(status.get("readyReplicas", 0)),
        age_of(item, now),
    ]


def _ports(service: Manifest) -> str:
    found = []
    for port in service["spec"].get("ports", ()):
        node = f":{port['nodePort']}" if "nodePort" in port else ""
        found.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(found) or _NONE


def _service(item: Manifest, now: float) -> list[str]:
    spec = item["spec"]
    return [
        item["metadata"]["name"],
        spec.get("type", "ClusterIP"),
        spec.get("clusterIP", _NONE),
        _NONE,
        _ports(item),
        age_of(item, now),
    ]


def endpoint_list(item: Manifest | None) -> str:
    """Return the ENDPOINTS column: at most three ready addresses.

    Without any subset it is `<none>`; with unready addresses alone it is empty, as kubectl has it.
    """
    if not (item or {}).get("subsets"):
        return _NONE
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in (item or {}).get("subsets") or ()
        for port in subset.get("ports", ())
        for address in subset.get("addresses", ())
    ]
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""  # noqa: PLR2004 - kubectl shows three
    return ",".join(found[:3]) + more


def _node(item: Manifest, now: float) -> list[str]:
    status = "Ready,SchedulingDisabled" if item["spec"].get("unschedulable") else "Ready"
    prefix = "node-role.kubernetes.io/"
    roles = [
        key.removeprefix(prefix) for key in item["metadata"]["labels"] if key.startswith(prefix)
    ]
    version = item["status"]["nodeInfo"]["kubeletVersion"]
    return [item["metadata"]["name"], status, ",".join(roles) or _NONE, age_of(item, now), version]


def _node_wide(item: Manifest, _now: float) -> list[str]:
    info = item["status"]["nodeInfo"]
    return [
        item["status"]["addresses"][0]["address"],
        _NONE,
        info["osImage"],
        f"{info['kernelVersion']} ({info['architecture']})",
        info["containerRuntimeVersion"],
    ]


def _event_seen(item: Manifest, now: float) -> str:
    return age(now - seconds_of(item["lastTimestamp"]))


def event_object(item: Manifest) -> str:
    """Return `pod/name` of what an event is about."""
    involved = item["involvedObject"]
    return f"{involved['kind'].lower()}/{involved['name']}"


def _event(item: Manifest, now: float) -> list[str]:
    return [
        _event_seen(item, now),
        item["type"],
        item["reason"],
        event_object(item),
        item["message"].strip(),
    ]


def _event_wide(item: Manifest, now: float) -> list[str]:
    source = item["source"]
    host = f", {source['host']}" if source.get("host") else ""
    *narrow, message = _event(item, now)
    return [
        *narrow,
        item["involvedObject"].get("fieldPath", ""),
        f"{source['component']}{host}",
        message,
        age(now - seconds_of(item["firstTimestamp"])),
        str(item["count"]),
        item["metadata"]["name"],
    ]


def _claim(item: Manifest, now: float) -> list[str]:
    spec, status = item["spec"], item["status"]
    modes = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX"}
    return [
        item["metadata"]["name"],
        status["phase"],
        spec.get("volumeName", ""),
        status.get("capacity", {}).get("storage", ""),
        ",".join(modes.get(mode, mode) for mode in status.get("accessModes", ())),
        spec.get("storageClassName", ""),
        "<unset>",
        age_of(item, now),
    ]


def _volume(item: Manifest, now: float) -> list[str]:
    spec = item["spec"]
    claim = spec.get("claimRef", {})
    return [
        item["metadata"]["name"],
        spec["capacity"]["storage"],
        "RWO",
        spec["persistentVolumeReclaimPolicy"],
        item["status"]["phase"],
        f"{claim['namespace']}/{claim['name']}" if claim else "",
        spec["storageClassName"],
        "<unset>",
        "",
        age_of(item, now),
    ]


def _policy(item: Manifest, now: float) -> list[str]:
    selector = (item["spec"].get("podSelector") or {}).get("matchLabels") or {}
    return [item["metadata"]["name"], selector_text(selector) or _NONE, age_of(item, now)]


def _named(item: Manifest, now: float) -> list[str]:
    return [item["metadata"]["name"], age_of(item, now)]


def _data(item: Manifest, now: float) -> list[str]:
    return [item["metadata"]["name"], str(len(item.get("data") or {})), age_of(item, now)]


def _secret(item: Manifest, now: float) -> list[str]:
    name, count, old = _data(item, now)
    return [name, item.get("type", "Opaque"), count, old]


def _class(item: Manifest, now: float) -> list[str]:
    default = " (default)" if item["metadata"].get("annotations") else ""
    return [
        f"{item['metadata']['name']}{default}",
        item["provisioner"],
        item["reclaimPolicy"],
        item["volumeBindingMode"],
        "false",
        age_of(item, now),
    ]


_TEMPLATE_HEADER = ("CONTAINERS", "IMAGES", "SELECTOR")
COLUMNS: dict[str, Columns] = {
    "pods": Columns(
        header=("NAME", "READY", "STATUS", "RESTARTS", "AGE"),
        cells=_pod,
        wide=("IP", "NODE", "NOMINATED NODE", "READINESS GATES"),
        wide_cells=_pod_wide,
    ),
    "deployments": Columns(
        header=("NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"),
        cells=_deployment,
        wide=_TEMPLATE_HEADER,
        wide_cells=_template_cells,
    ),
    "replicasets": Columns(
        header=("NAME", "DESIRED", "CURRENT", "READY", "AGE"),
        cells=_replica_set,
        wide=_TEMPLATE_HEADER,
        wide_cells=_template_cells,
    ),
    "services": Columns(
        header=("NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"),
        cells=_service,
        wide=("SELECTOR",),
        wide_cells=lambda item, _: [selector_text(item["spec"].get("selector") or {}) or _NONE],
    ),
    "endpoints": Columns(
        header=("NAME", "ENDPOINTS", "AGE"),
        cells=lambda item, now: [item["metadata"]["name"], endpoint_list(item), age_of(item, now)],
    ),
    "configmaps": Columns(header=("NAME", "DATA", "AGE"), cells=_data),
    "secrets": Columns(header=("NAME", "TYPE", "DATA", "AGE"), cells=_secret),
    "nodes": Columns(
        header=("NAME", "STATUS", "ROLES", "AGE", "VERSION"),
        cells=_node,
        wide=("INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME"),
        wide_cells=_node_wide,
    ),
    "events": Columns(header=("LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"), cells=_event),
    "events wide": Columns(
        header=(
            "LAST SEEN",
            "TYPE",
            "REASON",
            "OBJECT",
            "SUBOBJECT",
            "SOURCE",
            "MESSAGE",
            "FIRST SEEN",
            "COUNT",
            "NAME",
        ),
        cells=_event_wide,
    ),
    "persistentvolumeclaims": Columns(
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
        wide_cells=lambda item, _: [item["spec"].get("volumeMode", "Filesystem")],
    ),
    "persistentvolumes": Columns(
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
    ),
    "networkpolicies": Columns(header=("NAME", "POD-SELECTOR", "AGE"), cells=_policy),
    "namespaces": Columns(
        header=("NAME", "STATUS", "AGE"),
        cells=lambda item, now: [item["metadata"]["name"], "Active", age_of(item, now)],
    ),
    "storageclasses": Columns(
        header=(
            "NAME",
            "PROVISIONER",
            "RECLAIMPOLICY",
            "VOLUMEBINDINGMODE",
            "ALLOWVOLUMEEXPANSION",
            "AGE",
        ),
        cells=_class,
    ),
}
PLAIN = Columns(header=("NAME", "AGE"), cells=_named)
