"""Descriptions of services, nodes, config maps, policies, claims and whatever has no own form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.clock import rfc1123, seconds_of
from agents.environments.simulated.controllers.scheduler import sizes_of
from agents.environments.simulated.kubectl.columns import age_of
from agents.environments.simulated.kubectl.describe_parts import field, pairs
from agents.environments.simulated.objects.pods import target_port
from agents.environments.simulated.objects.quantity import (
    cpu_text,
    mebibytes,
    memory_text,
    millicores,
)
from agents.environments.simulated.objects.selectors import selector_text

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


def describe_service(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a service without its events."""
    metadata, spec = item["metadata"], item["spec"]
    lines = [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        field("Selector", selector_text(spec.get("selector") or {}) or "<none>"),
        field("Type", spec.get("type", "ClusterIP")),
        field("IP Family Policy", spec.get("ipFamilyPolicy", "SingleStack")),
        field("IP Families", ",".join(spec.get("ipFamilies", ["IPv4"]))),
        field("IP", spec.get("clusterIP", "")),
        field("IPs", spec.get("clusterIP", "")),
    ]
    listed = cluster.store.get("endpoints", metadata["namespace"], metadata["name"])
    for port in spec.get("ports", ()):
        name = port.get("name") or "<unset>"
        protocol = port.get("protocol", "TCP")
        lines.append(field("Port", f"{name}\t{port['port']}/{protocol}"))
        lines.append(field("TargetPort", f"{port.get('targetPort', port['port'])}/{protocol}"))
        lines.append(field("Endpoints", _endpoints(cluster, listed, port)))
    lines.append(field("Session Affinity", spec.get("sessionAffinity", "None")))
    lines.append(field("Internal Traffic Policy", spec.get("internalTrafficPolicy", "Cluster")))
    return lines


def _endpoints(cluster: Cluster, listed: Manifest | None, port: Manifest) -> str:
    found = []
    for subset in (listed or {}).get("subsets") or ():
        for address in subset.get("addresses", ()):
            pod = cluster.store.get("pods", cluster.namespace, address["targetRef"]["name"])
            number = target_port(pod, port["targetPort"]) if pod else None
            if number is not None:
                found.append(f"{address['ip']}:{number}")
    return ",".join(found[:3]) + (f" + {len(found) - 3} more..." if len(found) > 3 else "")  # noqa: PLR2004 - kubectl shows three


def describe_node(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a node: who it is, what it can hold and what it holds."""
    metadata, status = item["metadata"], item["status"]
    prefix = "node-role.kubernetes.io/"
    roles = [key.removeprefix(prefix) for key in metadata["labels"] if key.startswith(prefix)]
    lines = [
        field("Name", metadata["name"]),
        field("Roles", ",".join(roles) or "<none>"),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        field("CreationTimestamp", rfc1123(seconds_of(metadata["creationTimestamp"]))),
        field("Taints", _taints(item)),
        field("Unschedulable", str(bool(item["spec"].get("unschedulable"))).lower()),
        "Addresses:",
        *(f"  {address['type']}:\t{address['address']}" for address in status["addresses"]),
    ]
    for title in ("Capacity", "Allocatable"):
        lines.append(f"{title}:")
        sizes = status[title.lower()]
        lines += [f"  {key}:\t{sizes[key]}" for key in sorted(sizes)]
    info = status["nodeInfo"]
    lines += ["System Info:", *(f"  {name}:\t{info.get(key, '')}" for name, key in _SYSTEM_INFO)]
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
    pods = [run.pod for run in cluster.runs.values() if run.pod["spec"].get("nodeName") == name]
    lines = [
        f"Non-terminated Pods:\t({len(pods)} in total)",
        "  Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge",
        "  ---------\t----\t\t------------\t----------\t---------------\t-------------\t---",
    ]
    sums = {"requests": (0, 0.0), "limits": (0, 0.0)}
    for pod in sorted(pods, key=lambda one: str(one["metadata"]["name"])):
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


def _taints(item: Manifest) -> str:
    taints = item["spec"].get("taints") or []
    return ", ".join(f"{taint['key']}:{taint['effect']}" for taint in taints) or "<none>"


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
    return [*lines, "", "BinaryData", "====", ""]


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
    return lines + [f"{key}:\t{len(value) * 3 // 4} bytes" for key, value in sorted(data.items())]


def _peers(rules: list[Manifest] | None, word: str) -> list[str]:
    if not rules:
        return ["    <none> (Selected pods are isolated for ingress connectivity)"]
    lines = []
    for index, rule in enumerate(rules):
        if index:
            lines.append("    ----------")
        ports = rule.get("ports")
        if ports:
            lines += [f"    To Port: {p.get('port')}/{p.get('protocol', 'TCP')}" for p in ports]
        else:
            lines.append("    To Port: <any> (traffic allowed to all ports)")
        peers = rule.get(word.lower())
        if not peers:
            lines.append(f"    {word}: <any> (traffic not restricted by source)")
        for peer in peers or ():
            lines.append(f"    {word}:")
            selector = (peer.get("podSelector") or {}).get("matchLabels") or {}
            lines.append(f"      PodSelector: {selector_text(selector) or '<none>'}")
    return lines


def describe_policy(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a network policy."""
    metadata, spec = item["metadata"], item["spec"]
    created = seconds_of(metadata["creationTimestamp"])
    selector = (spec.get("podSelector") or {}).get("matchLabels") or {}
    kinds = spec.get("policyTypes") or ["Ingress"]
    everyone = "<none> (Allowing the specific traffic to all pods in this namespace)"
    ingress = _peers(spec.get("ingress"), "From") if "Ingress" in kinds else []
    return [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        f"Created on:   {rfc1123(created)[5:]}",
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        "Spec:",
        f"  PodSelector:     {selector_text(selector) or everyone}",
        *(
            ["  Allowing ingress traffic:", *ingress]
            if ingress
            else ["  Not affecting ingress traffic"]
        ),
        "  Not affecting egress traffic" if "Egress" not in kinds else "  Allowing egress traffic:",
        f"  Policy Types: {', '.join(kinds)}",
    ]


def describe_claim(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a claim without its events."""
    metadata, spec, status = item["metadata"], item["spec"], item["status"]
    users = [
        run.pod["metadata"]["name"]
        for run in cluster.runs.values()
        for volume in run.pod["spec"].get("volumes", ())
        if (volume.get("persistentVolumeClaim") or {}).get("claimName") == metadata["name"]
    ]
    return [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        field("StorageClass", spec.get("storageClassName", "")),
        field("Status", status["phase"]),
        field("Volume", spec.get("volumeName", "")),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        field("Finalizers", "[kubernetes.io/pvc-protection]"),
        field("Capacity", status.get("capacity", {}).get("storage", "")),
        field("Access Modes", "RWO" if status.get("accessModes") else ""),
        field("VolumeMode", spec.get("volumeMode", "Filesystem")),
        field("Used By", ", ".join(sorted(users)) or "<none>"),
    ]


def describe_account(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a service account without its events."""
    secrets = ", ".join(entry["name"] for entry in item.get("imagePullSecrets") or ())
    return [*describe_plain(cluster, item), field("Image pull secrets", secrets or "<none>")]


def describe_plain(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return what every object has."""
    metadata = item["metadata"]
    return [
        field("Name", metadata["name"]),
        field("Namespace", metadata.get("namespace", "")),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
    ]
