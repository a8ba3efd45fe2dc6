"""What decides how a container starts: its image, its environment, its program and its probes.

Invariant: pure reads of the cluster; the kubelet acts on what they return.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.environments.simulated.controllers import images, processes
from agents.environments.simulated.dice import chance, draw
from agents.environments.simulated.objects.pods import target_port, workload_of

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Program
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import PodRun
    from agents.environments.simulated.objects.kinds import Manifest


PRESENT = 'Container image "{image}" already present on machine and can be accessed by the pod'


_FAILING = re.compile(r"(/usr)?(/bin/)?false|exit\s+[1-9][0-9]*")


def full_reference(image: str) -> str:
    """Return the image with the registry that containerd adds."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def pull_seconds(cluster: Cluster, pod: Manifest, image: str) -> float:
    """Return how long the pull takes: 0.5 to 4 s."""
    return round(0.5 + 3.5 * chance(cluster.seed, "pull", image, pod["metadata"]["uid"]), 3)


def pull_problem(image: str) -> str:
    """Return containerd's words for an image that is not there."""
    reference = full_reference(image)
    return (
        "rpc error: code = NotFound desc = failed to pull and unpack image "
        f'"{reference}": failed to resolve reference "{reference}": {reference}: not found'
    )


def pulled_message(cluster: Cluster, pod: Manifest, image: str) -> str:
    """Return the kubelet's words for a pulled image."""
    seconds = pull_seconds(cluster, pod, image)
    text = f"{round(seconds * 1000)}ms" if seconds < 1 else f"{seconds:g}s"
    size = 10_000_000 + draw("size", image) % 90_000_000
    return (
        f'Successfully pulled image "{image}" in {text} ({text} including waiting). '
        f"Image size: {size} bytes."
    )


def environment_of(cluster: Cluster, pod: Manifest) -> tuple[dict[str, str], str]:
    """Return (environment, "") or ({}, why it can't be made)."""
    namespace = pod["metadata"]["namespace"]
    found: dict[str, str] = {}
    container = pod["spec"]["containers"][0]
    for source in container.get("envFrom", ()):
        for field, kind in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            if field in source:
                body = cluster.store.get(kind, namespace, source[field]["name"])
                if body is None and not source[field].get("optional"):
                    return {}, f'{kind[:-1]} "{source[field]["name"]}" not found'
                found |= (body or {}).get("data") or {}
    for item in container.get("env", ()):
        value, problem = _value_of(cluster, namespace, item)
        if problem:
            return {}, problem
        if value is not None:
            found[item["name"]] = value
    return found, ""


def _value_of(cluster: Cluster, namespace: str, item: Manifest) -> tuple[str | None, str]:
    """Return (value, "") of a variable, None where it stays unset, or why it has none."""
    source = item.get("valueFrom") or {}
    for field, kind, word in (
        ("configMapKeyRef", "configmaps", "ConfigMap"),
        ("secretKeyRef", "secrets", "Secret"),
    ):
        if field not in source:
            continue
        reference = source[field]
        body = cluster.store.get(kind, namespace, reference["name"])
        data = (body or {}).get("data") or {}
        if reference["key"] in data:
            return data[reference["key"]], ""
        if reference.get("optional"):
            return None, ""
        if body is None:
            return None, f'{kind[:-1]} "{reference["name"]}" not found'
        where = f"{namespace}/{reference['name']}"
        return None, f"couldn't find key {reference['key']} in {word} {where}"
    return item.get("value", ""), ""


def program_of(cluster: Cluster, pod: Manifest) -> Program | None:
    """Return what the container's image and command run; None when there is no such binary."""
    container = pod["spec"]["containers"][0]
    table = images.contents(cluster.programs, container["image"]) or {}
    owner = workload_of(pod)
    for command in processes.candidates(container):
        word = command[0].rsplit("/", 1)[-1]
        found = table.get(f"{owner}:{word}") or table.get(word)
        if found is not None:
            return found
    if container.get("command"):
        return None
    return table.get(owner) or next(iter(table.values()))


def complaint(
    program: Program | None, environment: dict[str, str], arguments: tuple[str, ...] = ()
) -> str:
    """Return why the process gives up right after its start, or an empty text."""
    if program is None:
        return "exec: no such file or directory"
    if program.crash:
        return program.crash
    for name, value in program.refuses:
        if name in arguments if value is None else environment.get(name) == value:
            return program.last_words or f"invalid setting {name}"
    missing = [name for name in program.needs if name not in environment]
    return f"required setting {missing[0]} is not set" if missing else ""


def probe_port(pod: Manifest, probe: Manifest) -> int | None:
    """Return the port number that a probe asks."""
    how = probe.get("tcpSocket") or probe.get("httpGet") or probe.get("grpc") or {}
    return target_port(pod, how.get("port", 0))


def answers(run: PodRun, probe: Manifest, program: Program, port: int) -> bool:
    """Return whether a process that listens on `port` would satisfy a probe."""
    if "exec" in probe:
        return not program.sick_paths and not _fails(probe["exec"])
    if (probe.get("httpGet") or {}).get("path", "/") in program.sick_paths:
        return False
    asked = probe_port(run.pod, probe)
    return asked == port or asked in program.further


def _fails(how: Manifest) -> bool:
    """Return whether a probe's command fails whatever the process does."""
    words = [str(word) for word in how.get("command") or ()]
    script = words[-1] if words[1:2] == ["-c"] else " ".join(words)
    return _FAILING.fullmatch(script.strip()) is not None


def probe_problem(run: PodRun, probe: Manifest) -> str:
    """Return the kubelet's words for a probe that nobody answers, or that is answered badly."""
    port = probe_port(run.pod, probe)
    program = run.life.program if run.life else None
    if "exec" in probe:
        return "exit status 1"
    if (
        program is not None
        and program.sick_paths
        and (probe.get("httpGet") or {}).get("path", "/") in program.sick_paths
    ):
        return "HTTP probe failed with statuscode: 503"
    refused = f"dial tcp {run.address}:{port}: connect: connection refused"
    if "httpGet" in probe:
        return f'Get "http://{run.address}:{port}{probe["httpGet"].get("path", "/")}": {refused}'
    return refused
