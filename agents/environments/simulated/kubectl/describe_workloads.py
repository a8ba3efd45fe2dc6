"""Descriptions of pods, and of deployments and replica sets with their template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.clock import age, rfc1123, seconds_of
from agents.environments.simulated.controllers.deployments import replica_sets
from agents.environments.simulated.kubectl.describe_parts import (
    container_lines,
    field,
    pairs,
    toleration_lines,
)
from agents.environments.simulated.kubectl.describe_volumes import volume_lines
from agents.environments.simulated.objects.kinds import clone
from agents.environments.simulated.objects.manifest import TEMPLATE_HASH
from agents.environments.simulated.objects.selectors import label_selector_text

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

_ADMITTED_TOLERATIONS = tuple(
    {
        "key": f"node.kubernetes.io/{trouble}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }
    for trouble in ("not-ready", "unreachable")
)
"""What admission gives every pod; a pod that says nothing of tolerations has these."""


def describe_pod(cluster: Cluster, pod: Manifest) -> list[str]:
    """Return the description of a pod without its events."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod["status"]
    node = spec.get("nodeName")
    lines = [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        field("Priority", spec.get("priority", 0)),
        field("Service Account", spec.get("serviceAccountName", "default")),
        field("Node", f"{node}/{status.get('hostIP', '')}" if node else "<none>"),
    ]
    if status.get("startTime"):
        lines.append(field("Start Time", rfc1123(seconds_of(status["startTime"]))))
    lines += pairs("Labels", metadata.get("labels"))
    lines += pairs("Annotations", metadata.get("annotations"), ": ")
    lines += _phase(cluster, pod)
    address = status.get("podIP", "")
    lines.append(field("IP", address))
    lines += ["IPs:", f"  IP:\t{address}"] if address else ["IPs:\t<none>"]
    lines += controlled_by(metadata)
    for title, key, of_status in (
        ("Init Containers", "initContainers", "initContainerStatuses"),
        ("Containers", "containers", "containerStatuses"),
    ):
        if not spec.get(key):
            continue
        lines.append(f"{title}:")
        statuses = {item["name"]: item for item in status.get(of_status) or ()}
        for container in spec[key]:
            lines += container_lines(container, statuses.get(container["name"]), pod=pod)
    if status.get("conditions"):
        lines += ["Conditions:", "  Type\tStatus"]
        lines += [f"  {item['type']} \t{item['status']} " for item in status["conditions"]]
    return [
        *lines,
        *volume_lines(spec),
        field("QoS Class", status.get("qosClass", "BestEffort")),
        *pairs("Node-Selectors", spec.get("nodeSelector")),
        *toleration_lines(spec.get("tolerations", _ADMITTED_TOLERATIONS)),
    ]


def _phase(cluster: Cluster, pod: Manifest) -> list[str]:
    metadata, status = pod["metadata"], pod["status"]
    ending = metadata.get("deletionTimestamp")
    if ending and status["phase"] not in ("Succeeded", "Failed"):
        lasts = age(cluster.now - seconds_of(ending))
        grace = metadata.get("deletionGracePeriodSeconds", 30)
        lines = [
            field("Status", f"Terminating (lasts {lasts})"),
            field("Termination Grace Period", f"{grace}s"),
        ]
    else:
        lines = [field("Status", status["phase"])]
    for key, title in (("reason", "Reason"), ("message", "Message")):
        lines += [field(title, status[key])] if status.get(key) else []
    return lines


def controlled_by(metadata: Manifest) -> list[str]:
    """Return the line that names the controller of an object, if there is one."""
    owners = metadata.get("ownerReferences") or []
    return [field("Controlled By", f"{owner['kind']}/{owner['name']}") for owner in owners[:1]]


def template_lines(template: Manifest) -> list[str]:
    """Return the Pod Template section, also of `rollout history --revision`."""
    metadata, spec = template.get("metadata") or {}, template["spec"]
    lines = ["Pod Template:", *pairs("Labels", metadata.get("labels"), indent="  ")]
    if metadata.get("annotations"):
        lines += pairs("Annotations", metadata["annotations"], ": ", indent="  ")
    if spec.get("serviceAccountName"):
        lines.append(f"  Service Account:\t{spec['serviceAccountName']}")
    for title, key in (("Init Containers", "initContainers"), ("Containers", "containers")):
        if spec.get(key):
            lines.append(f"  {title}:")
            for container in spec[key]:
                lines += container_lines(container, None, pod=None)
    return [
        *lines,
        *volume_lines(spec, "  "),
        *pairs("Node-Selectors", spec.get("nodeSelector"), indent="  "),
        *toleration_lines(spec.get("tolerations"), "  Tolerations"),
    ]


def condition_lines(status: Manifest) -> list[str]:
    """Return the conditions of a workload with their reasons."""
    if not status.get("conditions"):
        return []
    lines = ["Conditions:", "  Type\tStatus\tReason", "  ----\t------\t------"]
    return lines + [
        f"  {c['type']} \t{c['status']}\t{c.get('reason', '')}" for c in status["conditions"]
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
        field("Selector", label_selector_text(spec["selector"])),
        field("Replicas", counts),
        field("StrategyType", spec["strategy"]["type"]),
        field("MinReadySeconds", spec.get("minReadySeconds", 0)),
    ]
    rolling = spec["strategy"].get("rollingUpdate")
    if rolling:
        text = f"{rolling['maxUnavailable']} max unavailable, {rolling['maxSurge']} max surge"
        lines.append(field("RollingUpdateStrategy", text))
    lines += template_lines(spec["template"])
    lines += condition_lines(status)
    old, new = _revisions(cluster, item)
    if not old and not new:
        return lines
    return [
        *lines,
        field("OldReplicaSets", ", ".join(map(_created, old)) or "<none>"),
        field("NewReplicaSet", ", ".join(map(_created, new)) or "<none>"),
    ]


def _revisions(cluster: Cluster, deployment: Manifest) -> tuple[list[Manifest], list[Manifest]]:
    """Return the replica sets of older templates, and the one of the present template."""
    sets = replica_sets(cluster, deployment)
    present = [one for one in sets if _same_template(one, deployment)][:1]
    return [one for one in sets if one not in present], present


def _same_template(replica_set: Manifest, deployment: Manifest) -> bool:
    template = clone(replica_set["spec"]["template"])
    (template["metadata"].get("labels") or {}).pop(TEMPLATE_HASH, None)
    return bool(template == deployment["spec"]["template"])


def _created(replica_set: Manifest) -> str:
    counts = f"{replica_set['status'].get('replicas', 0)}/{replica_set['spec']['replicas']}"
    return f"{replica_set['metadata']['name']} ({counts} replicas created)"


def pods_status(cluster: Cluster, item: Manifest) -> str:
    """Return how many pods that a controller owns are in which phase."""
    metadata = item["metadata"]
    phases = [
        pod["status"]["phase"]
        for pod in cluster.store.each("pods", metadata["namespace"])
        if any(
            owner["uid"] == metadata["uid"] for owner in pod["metadata"].get("ownerReferences", ())
        )
    ]
    return (
        f"{phases.count('Running')} Running / {phases.count('Pending')} Waiting / "
        f"{phases.count('Succeeded')} Succeeded / {phases.count('Failed')} Failed"
    )


def describe_replica_set(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a replica set without its events."""
    metadata, spec, status = item["metadata"], item["spec"], item["status"]
    return [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        field("Selector", label_selector_text(spec["selector"])),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        *controlled_by(metadata),
        field("Replicas", f"{status.get('replicas', 0)} current / {spec['replicas']} desired"),
        field("Pods Status", pods_status(cluster, item)),
        *template_lines(spec["template"]),
        *condition_lines(status),
    ]
