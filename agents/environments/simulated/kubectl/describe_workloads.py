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
from agents.environments.simulated.kubectl.tables import aligned
from agents.environments.simulated.objects.selectors import selector_text

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

_POD, _DEPLOYMENT, _SET = 18, 24, 16


def describe_pod(_cluster: Cluster, pod: Manifest) -> list[str]:
    """Return the description of a pod without its events."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod["status"]
    node = spec.get("nodeName")
    host = f"{node}/{status.get('hostIP', '')}" if node else "<none>"
    lines = [
        field("Name", metadata["name"], _POD),
        field("Namespace", metadata["namespace"], _POD),
        field("Priority", 0, _POD),
        field("Service Account", spec.get("serviceAccountName", "default"), _POD),
        field("Node", host, _POD),
    ]
    if status.get("startTime"):
        lines.append(field("Start Time", rfc1123(seconds_of(status["startTime"])), _POD))
    lines += pairs("Labels", metadata.get("labels"), _POD)
    lines += pairs("Annotations", metadata.get("annotations"), _POD, ": ")
    lines.append(field("Status", status["phase"], _POD))
    address = status.get("podIP", "")
    lines.append(field("IP", address, _POD))
    lines += ["IPs:", f"  IP:           {address}"] if address else ["IPs:              <none>"]
    owners = metadata.get("ownerReferences") or []
    if owners:
        lines.append(field("Controlled By", f"{owners[0]['kind']}/{owners[0]['name']}", _POD))
    lines.append("Containers:")
    statuses = {item["name"]: item for item in status.get("containerStatuses", ())}
    for container in spec["containers"]:
        lines += container_lines(container, statuses.get(container["name"]), of_pod=True)
    conditions = [("Type", "Status")]
    conditions += [(item["type"], f"{item['status']} ") for item in status.get("conditions", ())]
    lines += ["Conditions:", *aligned(conditions, indent="  ")]
    lines += [line.removeprefix("  ") for line in volume_lines(spec)]
    lines.append(field("QoS Class", status.get("qosClass", "BestEffort"), 29))
    selector = spec.get("nodeSelector") or {}
    lines.append(field("Node-Selectors", selector_text(selector) or "<none>", 29))
    tolerations = (
        "node.kubernetes.io/not-ready:NoExecute op=Exists for 300s",
        "node.kubernetes.io/unreachable:NoExecute op=Exists for 300s",
    )
    lines.append(field("Tolerations", tolerations[0], 29))
    lines.append(" " * 29 + tolerations[1])
    return lines


def _template(template: Manifest) -> list[str]:
    lines = ["Pod Template:"]
    metadata, spec = template["metadata"], template["spec"]
    lines += ["  " + line for line in pairs("Labels", metadata.get("labels"), 18)]
    if metadata.get("annotations"):
        lines += ["  " + line for line in pairs("Annotations", metadata["annotations"], 18, ": ")]
    if spec.get("serviceAccountName"):
        lines.append(f"  {'Service Account:':<18}{spec['serviceAccountName']}")
    lines.append("  Containers:")
    for container in spec["containers"]:
        lines += [" " + line for line in container_lines(container, None, of_pod=False)]
    lines += volume_lines(spec)
    selector = spec.get("nodeSelector") or {}
    lines.append(f"  {'Node-Selectors:':<17}{selector_text(selector) or '<none>'}")
    lines.append(f"  {'Tolerations:':<17}<none>")
    return lines


def describe_deployment(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a deployment without its events."""
    metadata, spec, status = item["metadata"], item["spec"], item["status"]
    counts = (
        f"{spec['replicas']} desired | {status.get('updatedReplicas', 0)} updated | "
        f"{status.get('replicas', 0)} total | {status.get('availableReplicas', 0)} available | "
        f"{status.get('unavailableReplicas', 0)} unavailable"
    )
    created = rfc1123(seconds_of(metadata["creationTimestamp"]))
    lines = [
        field("Name", metadata["name"], _DEPLOYMENT),
        field("Namespace", metadata["namespace"], _DEPLOYMENT),
        field("CreationTimestamp", created, _DEPLOYMENT),
        *pairs("Labels", metadata.get("labels"), _DEPLOYMENT),
        *pairs("Annotations", metadata.get("annotations"), _DEPLOYMENT, ": "),
        field("Selector", selector_text(spec["selector"].get("matchLabels", {})), _DEPLOYMENT),
        field("Replicas", counts, _DEPLOYMENT),
        field("StrategyType", spec["strategy"]["type"], _DEPLOYMENT),
        field("MinReadySeconds", spec.get("minReadySeconds", 0), _DEPLOYMENT),
    ]
    rolling = spec["strategy"].get("rollingUpdate")
    if rolling:
        text = f"{rolling['maxUnavailable']} max unavailable, {rolling['maxSurge']} max surge"
        lines.append(field("RollingUpdateStrategy", text, _DEPLOYMENT))
    lines += _template(spec["template"])
    conditions = [("Type", "Status", "Reason"), ("----", "------", "------")]
    conditions += [(c["type"], c["status"], c["reason"]) for c in status.get("conditions", ())]
    lines += ["Conditions:", *aligned(conditions, indent="  ")]
    sets = replica_sets(cluster, item)
    lines.append(field("OldReplicaSets", ", ".join(map(_created, sets[:-1])) or "<none>", 17))
    lines.append(field("NewReplicaSet", _created(sets[-1]) if sets else "<none>", 17))
    return lines


def _created(replica_set: Manifest) -> str:
    counts = f"{replica_set['status'].get('replicas', 0)}/{replica_set['spec']['replicas']}"
    return f"{replica_set['metadata']['name']} ({counts} replicas created)"


def describe_replica_set(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a replica set without its events."""
    metadata, spec, status = item["metadata"], item["spec"], item["status"]
    current, wanted = status.get("replicas", 0), spec["replicas"]
    running = status.get("readyReplicas", 0)
    waiting = max(0, current - running)
    return [
        field("Name", metadata["name"], _SET),
        field("Namespace", metadata["namespace"], _SET),
        field("Selector", selector_text(spec["selector"].get("matchLabels", {})), _SET),
        *pairs("Labels", metadata.get("labels"), _SET),
        *pairs("Annotations", metadata.get("annotations"), _SET, ": "),
        field("Controlled By", f"Deployment/{metadata['ownerReferences'][0]['name']}", _SET)
        if metadata.get("ownerReferences")
        else field("Controlled By", "<none>", _SET),
        field("Replicas", f"{current} current / {wanted} desired", _SET),
        field(
            "Pods Status",
            f"{running} Running / {waiting} Waiting / 0 Succeeded / 0 Failed",
            _SET,
        ),
        *_template(spec["template"]),
    ]


def template_lines(template: Manifest) -> list[str]:
    """Return a pod template as `rollout history --revision` shows it."""
    return _template(template)
