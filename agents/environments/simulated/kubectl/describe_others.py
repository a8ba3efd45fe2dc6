"""Descriptions of nodes, namespaces, config maps, accounts and whatever has no own form."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

from agents.environments.simulated.clock import moment_of, rfc1123, seconds_of
from agents.environments.simulated.controllers.scheduler import sizes_of
from agents.environments.simulated.kubectl.cells import age_of
from agents.environments.simulated.kubectl.describe_parts import field, pairs
from agents.environments.simulated.objects.quantity import (
    cpu_text,
    mebibytes,
    memory_text,
    millicores,
)

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest


_SYSTEM_INFO = (
    ("Machine ID", "machineID"),
    ("System UUID", "systemUUID"),
    ("Boot ID", "bootID"),
    ("Kernel Version", "kernelVersion"),
    ("OS Image", "osImage"),
    ("Operating System", "operatingSystem"),
    ("Architecture", "architecture"),
    ("Container Runtime Version", "containerRuntimeVersion"),
    ("Kubelet Version", "kubeletVersion"),
)


def describe_node(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a node: who it is, what it can hold and what it holds."""
    metadata, status = item["metadata"], item["status"]
    prefix = "node-role.kubernetes.io/"
    roles = [
        key.removeprefix(prefix) for key in metadata.get("labels") or () if key.startswith(prefix)
    ]
    lines = [
        field("Name", metadata["name"]),
        field("Roles", ",".join(roles) or "<none>"),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        field("CreationTimestamp", rfc1123(seconds_of(metadata["creationTimestamp"]))),
        *_taints(item),
        field("Unschedulable", str(bool(item["spec"].get("unschedulable"))).lower()),
        *_lease(cluster, item),
        *_conditions(item),
        "Addresses:",
        *(f"  {address['type']}:\t{address['address']}" for address in status["addresses"]),
    ]
    for title in ("Capacity", "Allocatable"):
        lines.append(f"{title}:")
        sizes = status[title.lower()]
        lines += [f"  {key}:\t{sizes[key]}" for key in sorted(sizes)]
    info = status["nodeInfo"]
    lines += ["System Info:", *(f"  {name}:\t{info.get(key, '')}" for name, key in _SYSTEM_INFO)]
    if item["spec"].get("podCIDR"):
        lines.append(field("PodCIDR", item["spec"]["podCIDR"]))
        lines.append(field("PodCIDRs", ",".join(item["spec"].get("podCIDRs") or ())))
    return lines + _node_pods(cluster, item)


def _share(part: float, whole: float) -> str:
    return f"({int(part * 100 / whole)}%)" if whole else "(0%)"


def _sizes(cpu: int, memory: float, cores: int, mib: float) -> tuple[str, str]:
    return (
        f"{cpu_text(cpu)} {_share(cpu, cores)}",
        f"{memory_text(int(memory) * 2**20)} {_share(memory, mib)}",
    )


def _node_pods(cluster: Cluster, item: Manifest) -> list[str]:
    """Return what runs on a node and how much of it that takes."""
    name, size = item["metadata"]["name"], item["status"]["allocatable"]
    cores, mib = millicores(size["cpu"]), mebibytes(size["memory"])
    pods = [
        pod
        for pod in cluster.store.listed("pods")
        if pod["spec"].get("nodeName") == name
        and pod["status"]["phase"] not in ("Succeeded", "Failed")
    ]
    lines = [
        f"Non-terminated Pods:\t({len(pods)} in total)",
        "  Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge",
        "  ---------\t----\t\t------------\t----------\t---------------\t-------------\t---",
    ]
    sums = {"requests": (0, 0.0), "limits": (0, 0.0)}
    for pod in pods:
        own = {which: sizes_of(pod, which) for which in sums}
        sums = {
            which: (cpu + own[which][0], memory + own[which][1])
            for which, (cpu, memory) in sums.items()
        }
        requests, limits = (_sizes(*own[which], cores, mib) for which in sums)
        metadata = pod["metadata"]
        lines.append(
            f"  {metadata['namespace']}\t{metadata['name']}\t\t{requests[0]}\t{limits[0]}\t"
            f"{requests[1]}\t{limits[1]}\t{age_of(pod, cluster.now)}"
        )
    requests, limits = (_sizes(*sums[which], cores, mib) for which in sums)
    return [
        *lines,
        "Allocated resources:",
        "  (Total limits may be over 100 percent, i.e., overcommitted.)",
        "  Resource\tRequests\tLimits",
        "  --------\t--------\t------",
        f"  cpu\t{requests[0]}\t{limits[0]}",
        f"  memory\t{requests[1]}\t{limits[1]}",
        "  ephemeral-storage\t0 (0%)\t0 (0%)",
    ]


def _taints(item: Manifest) -> list[str]:
    taints = sorted(
        item["spec"].get("taints") or (), key=lambda one: f"{one['effect']},{one['key']}"
    )
    texts = [
        f"{one['key']}={one['value']}:{one['effect']}"
        if one.get("value")
        else f"{one['key']}:{one['effect']}"
        for one in taints
    ] or ["<none>"]
    return [field("Taints", texts[0]), *(f"\t{text}" for text in texts[1:])]


def _lease(cluster: Cluster, item: Manifest) -> list[str]:
    """Return by whom and when the node was last heard of, where a lease says it."""
    lease = cluster.store.get("leases", "kube-node-lease", item["metadata"]["name"])
    if lease is None:
        return []
    spec = lease["spec"]
    times = [
        rfc1123(int(moment_of(spec[key]))) if spec.get(key) else "<unset>"
        for key in ("acquireTime", "renewTime")
    ]
    return [
        "Lease:",
        f"  HolderIdentity:\t{spec.get('holderIdentity', '<unset>')}",
        f"  AcquireTime:\t{times[0]}",
        f"  RenewTime:\t{times[1]}",
    ]


def _conditions(item: Manifest) -> list[str]:
    if not item["status"].get("conditions"):
        return []
    lines = [
        "Conditions:",
        "  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage",
        "  ----\t------\t-----------------\t------------------\t------\t-------",
    ]
    for one in item["status"]["conditions"]:
        beat, moved = (
            rfc1123(seconds_of(one[key])) for key in ("lastHeartbeatTime", "lastTransitionTime")
        )
        lines.append(
            f"  {one['type']} \t{one['status']} \t{beat} \t{moved} \t"
            f"{one.get('reason', '')} \t{one.get('message', '')}"
        )
    return lines


def describe_namespace(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a namespace; no quota and no limit range is served here."""
    metadata = item["metadata"]
    return [
        field("Name", metadata["name"]),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        field("Status", (item.get("status") or {}).get("phase", "Active")),
        "",
        "No resource quota.",
        "",
        "No LimitRange resource.",
    ]


def describe_configmap(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a config map without its events."""
    metadata = item["metadata"]
    lines = [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        "",
        "Data",
        "====",
    ]
    for key, value in sorted((item.get("data") or {}).items()):
        lines += [f"{key}:", "----", value, ""]
    lines += ["", "BinaryData", "===="]
    for key, value in sorted((item.get("binaryData") or {}).items()):
        lines.append(f"{key}: {len(b64decode(value))} bytes")
    return [*lines, ""]


def describe_secret(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return names and sizes, never values."""
    metadata = item["metadata"]
    lines = [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        "",
        field("Type", item.get("type", "Opaque")),
        "",
        "Data",
        "====",
    ]
    data = item.get("data") or {}
    return lines + [f"{key}:\t{_size(value)} bytes" for key, value in sorted(data.items())]


def _size(value: str) -> int:
    """Return how many bytes a base64 text stands for."""
    return len(value) * 3 // 4 - (len(value) - len(value.rstrip("=")))


def describe_account(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a service account without its events."""
    title = "Image pull secrets:"
    names = [entry["name"] for entry in item.get("imagePullSecrets") or ()] or ["<none>"]
    rest = [f"{' ' * len(title)}\t{name}" for name in names[1:]]
    return [*describe_plain(cluster, item), f"{title}\t{names[0]}", *rest]


def describe_plain(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return what every object has."""
    metadata = item["metadata"]
    return [
        field("Name", metadata["name"]),
        field("Namespace", metadata.get("namespace", "")),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
    ]
