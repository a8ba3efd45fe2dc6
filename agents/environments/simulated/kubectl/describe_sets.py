"""Descriptions of stateful sets, daemon sets, jobs, cron jobs and autoscalers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.clock import age, rfc1123, seconds_of
from agents.environments.simulated.kubectl.cells_others import metric_target
from agents.environments.simulated.kubectl.describe_parts import field, pairs
from agents.environments.simulated.kubectl.describe_workloads import (
    controlled_by,
    pods_status,
    template_lines,
)
from agents.environments.simulated.objects.selectors import label_selector_text, selector_text

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest


def describe_stateful_set(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a stateful set without its events."""
    metadata, spec = item["metadata"], item["spec"]
    strategy = spec.get("updateStrategy") or {"type": "RollingUpdate"}
    lines = [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        field("CreationTimestamp", rfc1123(seconds_of(metadata["creationTimestamp"]))),
        field("Selector", label_selector_text(spec["selector"])),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        field(
            "Replicas", f"{spec['replicas']} desired | {item['status'].get('replicas', 0)} total"
        ),
        field("Update Strategy", strategy["type"]),
    ]
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    if partition is not None:
        lines.append(f"  Partition:\t{partition}")
    return [
        *lines,
        field("Pods Status", pods_status(cluster, item)),
        *template_lines(spec["template"]),
        *([] if spec.get("volumeClaimTemplates") else [field("Volume Claims", "<none>")]),
    ]


_NODES = (
    ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
    ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
    ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
    ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
    ("Number of Nodes Misscheduled", "numberMisscheduled"),
)


def describe_daemon_set(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a daemon set without its events."""
    metadata, spec = item["metadata"], item["spec"]
    nodes = selector_text(spec["template"]["spec"].get("nodeSelector") or {})
    return [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        field("Selector", label_selector_text(spec["selector"])),
        field("Node-Selector", nodes or "<none>"),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        *(f"{title}: {item['status'].get(key, 0)}" for title, key in _NODES),
        field("Pods Status", pods_status(cluster, item)),
        *template_lines(spec["template"]),
    ]


def describe_job(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a job without its events."""
    metadata, spec, status = item["metadata"], item["spec"], item["status"]
    begin, end = status.get("startTime"), status.get("completionTime")
    lines = [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        field("Selector", label_selector_text(spec.get("selector") or {})),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        *controlled_by(metadata),
        field("Parallelism", spec.get("parallelism", 1)),
        field("Completions", spec.get("completions", "<unset>")),
        field("Completion Mode", spec.get("completionMode", "NonIndexed")),
        field("Suspend", str(bool(spec.get("suspend"))).lower()),
        field("Backoff Limit", spec.get("backoffLimit", 6)),
    ]
    lines += [field("Start Time", rfc1123(seconds_of(begin)))] if begin else []
    lines += [field("Completed At", rfc1123(seconds_of(end)))] if end else []
    if begin and end:
        lines.append(field("Duration", age(seconds_of(end) - seconds_of(begin))))
    ready = f" ({status['ready']} Ready)" if "ready" in status else ""
    counts = (
        f"{status.get('active', 0)} Active{ready} / {status.get('succeeded', 0)} Succeeded / "
        f"{status.get('failed', 0)} Failed"
    )
    return [*lines, field("Pods Statuses", counts), *template_lines(spec["template"])]


def _metric_lines(item: Manifest) -> list[str]:
    statuses = (item.get("status") or {}).get("currentMetrics") or []
    lines = []
    for index, spec in enumerate(item["spec"].get("metrics") or ()):
        metric = spec.get("resource")
        if metric is None:
            lines.append(f'  <unknown metric type "{spec["type"]}">')
            continue
        current = statuses[index].get("resource") if index < len(statuses) else None
        known, _, wanted = metric_target(metric, current).partition("/")
        average = ((current or {}).get("current") or {}).get("averageValue")
        share = "averageValue" not in metric["target"]
        if share and average is not None:
            known = f"{known} ({average})"
        how = "  (as a percentage of request)" if share else ""
        lines.append(f"  resource {metric['name']} on pods{how}:\t{known} / {wanted}")
    return lines


def describe_autoscaler(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of an autoscaler without its events."""
    metadata, spec, status = item["metadata"], item["spec"], item.get("status") or {}
    about = spec["scaleTargetRef"]
    counts = (
        f"{status.get('currentReplicas', 0)} current / {status.get('desiredReplicas', 0)} desired"
    )
    lines = [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        field("CreationTimestamp", rfc1123(seconds_of(metadata["creationTimestamp"]))),
        field("Reference", f"{about['kind']}/{about['name']}"),
        field("Metrics", "( current / target )"),
        *_metric_lines(item),
        field("Min replicas", spec.get("minReplicas", "<unset>")),
        field("Max replicas", spec["maxReplicas"]),
        field(f"{about['kind']} pods", counts),
    ]
    if status.get("conditions"):
        lines += [
            "Conditions:",
            "  Type\tStatus\tReason\tMessage",
            "  ----\t------\t------\t-------",
        ]
        lines += [
            f"  {c['type']}\t{c['status']}\t{c.get('reason', '')}\t{c.get('message', '')}"
            for c in status["conditions"]
        ]
    return lines
