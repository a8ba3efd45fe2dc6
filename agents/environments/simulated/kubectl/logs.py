"""`kubectl logs` of a pod, of a workload's pods, or of a selector's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.environments.simulated.clock import rfc3339_nano
from agents.environments.simulated.controllers.process import Life, PodRun, Stage
from agents.environments.simulated.kubectl.cells_pods import pod_status
from agents.environments.simulated.kubectl.errors import CommandFailed, qualified
from agents.environments.simulated.kubectl.selecting import find, listed, namespace_of
from agents.environments.simulated.objects.kinds import KINDS, Manifest
from agents.environments.simulated.objects.pods import is_ready
from agents.environments.simulated.objects.selectors import matches, matches_selector
from agents.environments.simulated.telemetry import logs

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster

_DURATION = re.compile(r"([0-9.]+)(ms|h|m|s)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SELECTED_TAIL = 10


def seconds_in(text: str) -> float:
    """Return the seconds of a Go duration such as `1h30m`; a bare number is seconds."""
    if re.fullmatch(r"-?\d+", text):
        return float(text)
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def pods_behind(cluster: Cluster, command: Command, kind: str, name: str) -> list[Manifest]:
    """Return the pods that an object stands for, ready ones first."""
    item = find(cluster, command, kind, name)
    if kind == "pods":
        return [item]
    namespace = item["metadata"]["namespace"]
    selector = item["spec"].get("selector") or {}
    found = [
        pod
        for pod in cluster.store.listed("pods", namespace)
        if (
            matches(selector, pod["metadata"].get("labels") or {})
            if kind == "services"
            else matches_selector(selector, pod["metadata"].get("labels") or {})
        )
    ]
    return sorted(found, key=lambda pod: not is_ready(pod)) if selector else []


def _chosen(cluster: Cluster, command: Command) -> tuple[list[Manifest], str]:
    """Return the pods to read and a notice for the reader."""
    if not command.targets:
        return listed(cluster, command, "pods"), ""
    kind, name = command.targets[0].kind, command.targets[0].name or ""
    namespace = namespace_of(command)
    if kind not in KINDS or cluster.store.get(kind, namespace, name) is None:
        raise CommandFailed(
            f'error: error from server (NotFound): {qualified(kind)} "{name}" not found '
            f'in namespace "{namespace}"'
        )
    pods = pods_behind(cluster, command, kind, name)
    if not pods:
        raise CommandFailed("error: timed out waiting for the condition")
    notice = ""
    if len(pods) > 1:
        notice = f"Found {len(pods)} pods, using pod/{pods[0]['metadata']['name']}\n"
    return pods[:1], notice + _defaulted(command, pods[0])


def _defaulted(command: Command, pod: Manifest) -> str:
    """Return kubectl's word on which of several containers it reads."""
    names = [container["name"] for container in pod["spec"]["containers"]]
    initial = [f"{one['name']} (init)" for one in pod["spec"].get("initContainers") or ()]
    if len(names) + len(initial) < 2 or command.flag("container"):  # noqa: PLR2004 - a choice
        return ""
    return f'Defaulted container "{names[0]}" out of: {", ".join([*names, *initial])}\n'


def logs_of(cluster: Cluster, command: Command) -> str:
    """Return the output of `kubectl logs`."""
    pods, notice = _chosen(cluster, command)
    selected = not command.targets
    if selected and not pods:
        namespace = command.namespace or "default"
        return f"No resources found in {namespace} namespace.\n"
    parts = []
    for pod in pods:
        lines = _lines(cluster, command, pod, selected=selected)
        prefix = ""
        if command.flag("prefix") == "true":
            container = pod["spec"]["containers"][0]["name"]
            prefix = f"[pod/{pod['metadata']['name']}/{container}] "
        stamped = command.flag("timestamps") == "true"
        parts += [
            f"{prefix}{rfc3339_nano(moment) + ' ' if stamped else ''}{text}\n"
            for moment, text in lines
        ]
    limit = command.flag("limit-bytes")
    text = notice + "".join(parts)
    return text[: int(limit)] if limit else text


def _lines(cluster: Cluster, command: Command, pod: Manifest, *, selected: bool) -> list[logs.Line]:
    name = pod["metadata"]["name"]
    containers = [container["name"] for container in pod["spec"]["containers"]]
    wanted = command.flag("container") or containers[0]
    if wanted not in containers:
        initial = [f"{c['name']} (init)" for c in pod["spec"].get("initContainers") or ()]
        known = ", ".join([*containers, *initial])
        raise CommandFailed(
            f"error: container {wanted} is not valid for pod {name} out of: {known}"
        )
    if "nodeName" not in pod["spec"]:
        return []
    run = cluster.runs.get(pod["metadata"]["uid"])
    life = _life(pod, run, wanted, previous=command.flag("previous") == "true")
    tail, since = command.flag("tail"), command.flag("since")
    count = int(tail) if tail is not None else (_SELECTED_TAIL if selected else None)
    start = cluster.now - seconds_in(since) if since else None
    if run is None:
        return []
    return logs.read(cluster, run, life, tail=count, since=start)


def _life(pod: Manifest, run: PodRun | None, container: str, *, previous: bool) -> Life:
    name = pod["metadata"]["name"]
    lives = run.lives if run else []
    if previous:
        ended = [life for life in lives if life.end is not None]
        if run and run.stage is Stage.CRASH_BACKOFF:
            ended = ended[:-1] or ended
        if not ended:
            raise CommandFailed(
                f'Error from server (BadRequest): previous terminated container "{container}" '
                f'in pod "{name}" not found'
            )
        return ended[-1]
    if not lives:
        status = pod_status(pod)
        why = {
            "ImagePullBackOff": "trying and failing to pull image",
            "ErrImagePull": "image can't be pulled",
        }.get(status, status)
        raise CommandFailed(
            f'Error from server (BadRequest): container "{container}" in pod "{name}" is '
            f"waiting to start: {why}"
        )
    return lives[-1]
