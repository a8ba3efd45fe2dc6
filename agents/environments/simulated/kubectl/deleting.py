"""`delete` and `drain`."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from agents.environments.simulated.controllers import kubelet
from agents.environments.simulated.kubectl.editing import save
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.selecting import find, listed
from agents.environments.simulated.objects.kinds import KINDS, Manifest
from agents.environments.simulated.objects.selectors import matches_selector

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster


_IMMEDIATELY = (
    "Warning: Immediate deletion does not wait for confirmation that the running resource has been "
    "terminated. The resource may continue to run on the cluster indefinitely.\n"
)


def remove(cluster: Cluster, kind: str, item: Manifest) -> None:
    """Delete an object and what goes with it."""
    if kind == "pods":
        kubelet.stop(cluster, item)
        return
    if kind == "namespaces":
        for inner, meta in KINDS.items():
            if meta.namespaced:
                for thing in cluster.store.each(inner, item["metadata"]["name"]):
                    remove(cluster, inner, thing)
    cluster.store.delete(kind, item)
    _clean_up(cluster, kind, item)


def _clean_up(cluster: Cluster, kind: str, item: Manifest) -> None:
    """Remove what goes with an object: the endpoints of a service, the pods of a set."""
    name = item["metadata"]["name"]
    if kind == "services":
        behind = cluster.store.get("endpoints", item["metadata"]["namespace"], name)
        if behind is not None:
            cluster.store.delete("endpoints", behind)
    if kind == "replicasets":
        _collect(cluster, item)
    if kind == "endpoints":
        service = cluster.store.get("services", cluster.namespace, name)
        if service is not None:
            cluster.store.touch("services", service)


def _collect(cluster: Cluster, replica_set: Manifest) -> None:
    """End the pods that the set owns, and let go of those that it no longer selects.

    A new set may have the old one's name before any controller looks, and is not their owner.
    """
    metadata, selector = replica_set["metadata"], replica_set["spec"].get("selector") or {}
    for pod in cluster.store.each("pods", metadata["namespace"]):
        owners = pod["metadata"].get("ownerReferences") or []
        if all(owner["uid"] != metadata["uid"] for owner in owners):
            continue
        if matches_selector(selector, pod["metadata"].get("labels") or {}):
            remove(cluster, "pods", pod)
        else:
            del pod["metadata"]["ownerReferences"]
            cluster.store.touch("pods", pod)


def delete(cluster: Cluster, command: Command) -> str:
    """Run `delete`: every name is tried, the failures are told last."""
    lines: list[str] = []
    errors: list[str] = []
    found: list[tuple[str, Manifest]] = []
    for target in command.targets:
        if target.name is None:
            if not command.flag("selector"):
                raise CommandFailed("error: resource(s) were provided, but no name was specified")
            found += [(target.kind, item) for item in listed(cluster, command, target.kind)]
            continue
        try:
            found.append((target.kind, find(cluster, command, target.kind, target.name)))
        except CommandFailed as error:
            errors.append(error.text)
    for kind, item in found:
        remove(cluster, kind, item)
        where = f" from {item['metadata']['namespace']} namespace" if KINDS[kind].namespaced else ""
        word = "force deleted" if command.flag("force") == "true" else "deleted"
        lines.append(
            f'{KINDS[kind].qualified_singular} "{item["metadata"]["name"]}" {word}{where}\n'
        )
    forced = command.flag("force") == "true" and command.flag("grace-period") == "0"
    text = (_IMMEDIATELY if forced and found else "") + "".join(lines)
    if errors and command.flag("ignore-not-found") != "true":
        raise CommandFailed(text + "\n".join(errors))
    if not found and command.flag("selector"):
        return "No resources found\n"
    return text


def drain(cluster: Cluster, command: Command) -> str:
    """Run `drain`: cordon the node, then delete its pods."""
    name = command.targets[0].name or ""
    node = deepcopy(find(cluster, command, "nodes", name))
    node["spec"]["unschedulable"] = True
    save(cluster, "nodes", node)
    lines = [f"node/{name} cordoned\n"]
    for run in list(cluster.runs.values()):
        if run.pod["spec"].get("nodeName") == name:
            pod = run.pod["metadata"]
            lines.append(f"evicting pod {pod['namespace']}/{pod['name']}\n")
            kubelet.stop(cluster, run.pod)
    return "".join([*lines, f"node/{name} drained\n"])
