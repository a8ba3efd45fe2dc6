"""Descriptions of services, nodes, config maps, policies, claims and whatever has no own form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.clock import rfc1123, seconds_of
from agents.environments.simulated.controllers.scheduler import requests_of, used
from agents.environments.simulated.kubectl.describe_parts import field, pairs
from agents.environments.simulated.kubectl.tables import aligned
from agents.environments.simulated.objects.pods import target_port
from agents.environments.simulated.objects.quantity import cpu_text, millicores
from agents.environments.simulated.objects.selectors import selector_text

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

_SERVICE, _NODE, _CLAIM = 26, 20, 15


def describe_service(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a service without its events."""
    metadata, spec = item["metadata"], item["spec"]
    lines = [
        field("Name", metadata["name"], _SERVICE),
        field("Namespace", metadata["namespace"], _SERVICE),
        *pairs("Labels", metadata.get("labels"), _SERVICE),
        *pairs("Annotations", metadata.get("annotations"), _SERVICE, ": "),
        field("Selector", selector_text(spec.get("selector") or {}) or "<none>", _SERVICE),
        field("Type", spec.get("type", "ClusterIP"), _SERVICE),
        field("IP Family Policy", spec.get("ipFamilyPolicy", "SingleStack"), _SERVICE),
        field("IP Families", ",".join(spec.get("ipFamilies", ["IPv4"])), _SERVICE),
        field("IP", spec.get("clusterIP", ""), _SERVICE),
        field("IPs", spec.get("clusterIP", ""), _SERVICE),
    ]
    listed = cluster.store.get("endpoints", metadata["namespace"], metadata["name"])
    for port in spec.get("ports", ()):
        name = port.get("name") or "<unset>"
        protocol = port.get("protocol", "TCP")
        lines.append(field("Port", f"{name}  {port['port']}/{protocol}", _SERVICE))
        lines.append(
            field("TargetPort", f"{port.get('targetPort', port['port'])}/{protocol}", _SERVICE)
        )
        lines.append(field("Endpoints", _endpoints(cluster, listed, port), _SERVICE))
    lines.append(field("Session Affinity", spec.get("sessionAffinity", "None"), _SERVICE))
    lines.append(
        field("Internal Traffic Policy", spec.get("internalTrafficPolicy", "Cluster"), _SERVICE)
    )
    return lines


def _endpoints(cluster: Cluster, listed: Manifest | None, port: Manifest) -> str:
    found = []
    for subset in (listed or {}).get("subsets") or ():
        for address in subset.get("addresses", ()):
            pod = cluster.store.get("pods", cluster.namespace, address["targetRef"]["name"])
            number = target_port(pod, port["targetPort"]) if pod else None
            if number is not None:
                found.append(f"{address['ip']}:{number}")
    return ",".join(found[:3]) + (f" + {len(found) - 3} more..." if len(found) > 3 else "")  # noqa: PLR2004


def describe_node(cluster: Cluster, item: Manifest) -> list[str]:
    """Return a shortened description of a node: what scheduling needs."""
    metadata, status = item["metadata"], item["status"]
    name = metadata["name"]
    cpu, memory = used(cluster).get(name, (0, 0.0))
    cores = millicores(status["allocatable"]["cpu"])
    lines = [
        field("Name", name, _NODE),
        *pairs("Labels", metadata.get("labels"), _NODE),
        *pairs("Annotations", metadata.get("annotations"), _NODE, ": "),
        field("CreationTimestamp", rfc1123(seconds_of(metadata["creationTimestamp"])), _NODE),
        field("Taints", _taints(item), _NODE),
        field("Unschedulable", str(bool(item["spec"].get("unschedulable"))).lower(), _NODE),
        "Addresses:",
        *(f"  {address['type'] + ':':<12}{address['address']}" for address in status["addresses"]),
    ]
    for title in ("Capacity", "Allocatable"):
        lines.append(f"{title}:")
        sizes = status[title.lower()]
        lines += [f"  {key + ':':<20}{sizes[key]}" for key in sorted(sizes)]
    pods = [run.pod for run in cluster.runs.values() if run.pod["spec"].get("nodeName") == name]
    lines.append(f"Non-terminated Pods:          ({len(pods)} in total)")
    rows = [("Namespace", "Name", "CPU Requests", "Memory Requests")]
    for pod in sorted(pods, key=lambda one: str(one["metadata"]["name"])):
        milli, mib = requests_of(pod)
        where = pod["metadata"]["namespace"]
        rows.append((where, pod["metadata"]["name"], cpu_text(milli), f"{int(mib)}Mi"))
    lines += aligned(rows, indent="  ")
    lines.append("Allocated resources:")
    lines.append(f"  cpu     {cpu_text(cpu)} ({cpu * 100 // max(1, cores)}%)")
    lines.append(f"  memory  {int(memory)}Mi")
    return lines


def _taints(item: Manifest) -> str:
    taints = item["spec"].get("taints") or []
    return ", ".join(f"{taint['key']}:{taint['effect']}" for taint in taints) or "<none>"


def describe_configmap(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a config map without its events."""
    metadata = item["metadata"]
    lines = [
        field("Name", metadata["name"], 14),
        field("Namespace", metadata["namespace"], 14),
        *pairs("Labels", metadata.get("labels"), 14),
        *pairs("Annotations", metadata.get("annotations"), 14, ": "),
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
        field("Name", metadata["name"], 14),
        field("Namespace", metadata["namespace"], 14),
        *pairs("Labels", metadata.get("labels"), 14),
        *pairs("Annotations", metadata.get("annotations"), 14, ": "),
        "",
        field("Type", item.get("type", "Opaque"), 6),
        "",
        "Data",
        "====",
    ]
    data = item.get("data") or {}
    return lines + [f"{key}:  {len(value) * 3 // 4} bytes" for key, value in sorted(data.items())]


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
        f"Name:         {metadata['name']}",
        f"Namespace:    {metadata['namespace']}",
        f"Created on:   {rfc1123(created)[5:]}",
        *pairs("Labels", metadata.get("labels"), 14),
        *pairs("Annotations", metadata.get("annotations"), 14, ": "),
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
        field("Name", metadata["name"], _CLAIM),
        field("Namespace", metadata["namespace"], _CLAIM),
        field("StorageClass", spec.get("storageClassName", ""), _CLAIM),
        field("Status", status["phase"], _CLAIM),
        field("Volume", spec.get("volumeName", ""), _CLAIM),
        *pairs("Labels", metadata.get("labels"), _CLAIM),
        *pairs("Annotations", metadata.get("annotations"), _CLAIM, ": "),
        field("Capacity", status.get("capacity", {}).get("storage", ""), _CLAIM),
        field("Access Modes", "RWO" if status.get("accessModes") else "", _CLAIM),
        field("VolumeMode", spec.get("volumeMode", "Filesystem"), _CLAIM),
        field("Used By", ", ".join(sorted(users)) or "<none>", _CLAIM),
    ]


def describe_plain(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return what every object has."""
    metadata = item["metadata"]
    return [
        field("Name", metadata["name"], 14),
        field("Namespace", metadata.get("namespace", ""), 14),
        *pairs("Labels", metadata.get("labels"), 14),
        *pairs("Annotations", metadata.get("annotations"), 14, ": "),
    ]
