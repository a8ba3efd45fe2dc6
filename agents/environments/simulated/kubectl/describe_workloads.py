"""Descriptions of pods, deployments and replica sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.clock import rfc1123, seconds_of
from agents.environments.simulated.controllers.deployments import replica_sets
from agents.environments.simulated.kubectl.describe_parts import (
    container_lines,
    field,
    pairs,
    volume_lines,
)
from agents.environments.simulated.objects.selectors import selector_text

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

_TOLERATIONS = (
    "node.kubernetes.io/not-ready:NoExecute op=Exists for 300s",
    "node.kubernetes.io/unreachable:NoExecute op=Exists for 300s",
)


def describe_pod(_cluster: Cluster, pod: Manifest) -> list[str]:
    """Return the description of a pod without its events."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod["status"]
    node = spec.get("nodeName")
    lines = [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        field("Priority", 0),
        field("Service Account", spec.get("serviceAccountName", "default")),
        field("Node", f"{node}/{status.get('hostIP', '')}" if node else "<none>"),
    ]
    if status.get("startTime"):
        lines.append(field("Start Time", rfc1123(seconds_of(status["startTime"]))))
    lines += pairs("Labels", metadata.get("labels"))
    lines += pairs("Annotations", metadata.get("annotations"), ": ")
    address = status.get("podIP", "")
    lines += [field("Status", status["phase"]), field("IP", address)]
    lines += ["IPs:", f"  IP:\t{address}"] if address else ["IPs:\t<none>"]
    lines += _controlled_by(metadata)
    lines.append("Containers:")
    statuses = {item["name"]: item for item in status.get("containerStatuses", ())}
    for container in spec["containers"]:
        lines += container_lines(container, statuses.get(container["name"]), of_pod=True)
    if status.get("conditions"):
        lines += ["Conditions:", "  Type\tStatus"]
        lines += [f"  {item['type']} \t{item['status']} " for item in status["conditions"]]
    lines += volume_lines(spec)
    selector = spec.get("nodeSelector") or {}
    return [
        *lines,
        field("QoS Class", status.get("qosClass", "BestEffort")),
        field("Node-Selectors", selector_text(selector) or "<none>"),
        field("Tolerations", _TOLERATIONS[0]),
        f"\t{_TOLERATIONS[1]}",
    ]


def _controlled_by(metadata: Manifest) -> list[str]:
    owners = metadata.get("ownerReferences") or []
    return [field("Controlled By", f"{owner['kind']}/{owner['name']}") for owner in owners[:1]]


def template_lines(template: Manifest) -> list[str]:
    """Return the Pod Template section, also of `rollout history --revision`."""
    metadata, spec = template["metadata"], template["spec"]
    lines = ["Pod Template:", *pairs("Labels", metadata.get("labels"), indent="  ")]
    if metadata.get("annotations"):
        lines += pairs("Annotations", metadata["annotations"], ": ", indent="  ")
    if spec.get("serviceAccountName"):
        lines.append(f"  Service Account:\t{spec['serviceAccountName']}")
    lines.append("  Containers:")
    for container in spec["containers"]:
        lines += container_lines(container, None, of_pod=False)
    selector = selector_text(spec.get("nodeSelector") or {})
    return [
        *lines,
        *volume_lines(spec, "  "),
        f"  Node-Selectors:\t{selector or '<none>'}",
        "  Tolerations:\t<none>",
    ]


def describe_deployment(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a deployment without its events."""
    metadata, spec, status = item["metadata"], item["spec"], item["status"]
    counts = (
        f"{spec['replicas']} desired | {status.get('updatedReplicas', 0)} updated | "
        f"{status.get('replicas', 0)} total | {status.get('availableReplicas', 0)} available | "
        f"{status.get('unavailableReplicas', 0)} unavailable"
    )
    lines = [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        field("CreationTimestamp", rfc1123(seconds_of(metadata["creationTimestamp"]))),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        field("Selector", selector_text(spec["selector"].get("matchLabels", {}))),
        field("Replicas", counts),
        field("StrategyType", spec["strategy"]["type"]),
        field("MinReadySeconds", spec.get("minReadySeconds", 0)),
    ]
    rolling = spec["strategy"].get("rollingUpdate")
    if rolling:
        text = f"{rolling['maxUnavailable']} max unavailable, {rolling['maxSurge']} max surge"
        lines.append(field("RollingUpdateStrategy", text))
    lines += template_lines(spec["template"])
    lines += ["Conditions:", "  Type\tStatus\tReason", "  ----\t------\t------"]
    lines += [f"  {c['type']} \t{c['status']}\t{c['reason']}" for c in status.get("conditions", ())]
    sets = replica_sets(cluster, item)
    return [
        *lines,
        field("OldReplicaSets", ", ".join(map(_created, sets[:-1])) or "<none>"),
        field("NewReplicaSet", _created(sets[-1]) if sets else "<none>"),
    ]


def _created(replica_set: Manifest) -> str:
    counts = f"{replica_set['status'].get('replicas', 0)}/{replica_set['spec']['replicas']}"
    return f"{replica_set['metadata']['name']} ({counts} replicas created)"


def describe_replica_set(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a replica set without its events."""
    metadata, spec, status = item["metadata"], item["spec"], item["status"]
    uid = metadata["uid"]
    phases = [
        pod["status"]["phase"]
        for pod in cluster.store.each("pods", metadata["namespace"])
        if any(owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences", ()))
    ]
    running, waiting = phases.count("Running"), phases.count("Pending")
    counts = f"{running} Running / {waiting} Waiting / 0 Succeeded / 0 Failed"
    return [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        field("Selector", selector_text(spec["selector"].get("matchLabels", {}))),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        *_controlled_by(metadata),
        field("Replicas", f"{status.get('replicas', 0)} current / {spec['replicas']} desired"),
        field("Pods Status", counts),
        *template_lines(spec["template"]),
    ]
