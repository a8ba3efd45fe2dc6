"""Faults that an operator's wrong edit of a workload or a service makes."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.faults.family import (
    Evidence,
    Family,
    Injection,
    caller_complains,
    commit,
    edit,
    main_container,
)
from agents.environments.simulated.faults.networking import point_at
from agents.environments.simulated.faults.templates import (
    patch_container,
    scale_to_zero,
    set_image,
    undo,
)
from agents.environments.simulated.objects.kinds import clone

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Application, Component
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

_NOT_A_PORT = 9999
_EXTRA_NODE = "extra-node"


def _called(application: Application, component: Component) -> bool:
    return bool(application.callers(component.name))


def apply_anew(cluster: Cluster, deployment: Manifest) -> None:
    """Delete a deployment and create it again as edited: its history is gone."""
    body = clone(deployment)
    for field in ("uid", "resourceVersion", "creationTimestamp", "generation"):
        body["metadata"].pop(field, None)
    body["metadata"].pop("annotations", None)
    body["metadata"]["generation"] = 1
    body["status"] = {}
    cluster.store.delete("deployments", deployment)
    cluster.settle()
    cluster.store.create("deployments", body, cluster.stamp())
    cluster.settle()


def _target_port(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    return point_at(cluster, component, _NOT_A_PORT)


def _no_node(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    spec = deployment["spec"]["template"]["spec"]
    spec["nodeSelector"] = {"kubernetes.io/hostname": _EXTRA_NODE}
    apply_anew(cluster, deployment)
    name = re.escape(component.name)
    free = {"spec": {"template": {"spec": {"nodeSelector": None}}}}
    removal = [{"op": "remove", "path": "/spec/template/spec/nodeSelector"}]
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(
                name="pending",
                sights=(rf"\b{name}-\S+\s+0/1\s+Pending", "match Pod's node affinity/selector"),
            ),
            Evidence(name="selector", sights=(rf"\A(get|describe)[\s\S]*{_EXTRA_NODE}",)),
        ),
        repairs=(
            f"kubectl patch deployment {component.name} -p '{orjson.dumps(free).decode()}'",
            (
                f"kubectl patch deployment {component.name} --type=json "
                f"-p '{orjson.dumps(removal).decode()}'"
            ),
        ),
    )


def _broken_image(application: Application, component: Component) -> bool:
    return any(name == component.name for _, name, _ in application.broken_images)


def _image(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    bad = next(
        image for image, name, _ in cluster.application.broken_images if name == component.name
    )
    main_container(deployment)["image"] = bad
    if cluster.application.strategy == "Recreate":
        commit(cluster, "deployments", deployment)
        back = undo(component.name)
    else:
        apply_anew(cluster, deployment)
        back = patch_container(component.name, component.container, {"image": component.image})
    name = re.escape(component.name)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(name="crash", sights=(rf"\b{name}-\S+\s+0/1\s+(CrashLoopBackOff|Error)",)),
            Evidence(name="image", sights=(rf"\A(get|describe)[\s\S]*{re.escape(bad)}",)),
        ),
        repairs=(set_image(component.name, component.container, component.image), back),
    )


def _one_binary_of_many(application: Application, component: Component) -> bool:
    return bool(_others(application, component)) and _called(application, component)


def _others(application: Application, component: Component) -> list[str]:
    """Return other binaries of the same image that serve on another port, `geo` first."""
    found = [
        other.name
        for other in application.components
        if other.image == component.image
        and other.command
        and component.command
        and other.program.port != component.program.port
        and other.name != application.entry
    ]
    return sorted(found, key=lambda name: (name != "geo", name))


def _wrong_binary(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    right = list(main_container(deployment)["command"])
    wrong = _others(cluster.application, component)[0]
    main_container(deployment)["command"] = [wrong]
    apply_anew(cluster, deployment)
    name = re.escape(component.name)
    replace = [
        {"op": "replace", "path": "/spec/template/spec/containers/0/command", "value": right}
    ]
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            caller_complains(component.name),
            Evidence(
                name="command",
                sights=(
                    (
                        rf"\A(get|describe) (deployments|pods)[\s\S]*{name}"
                        rf"[\s\S]*[Cc]ommand\"?:\s*\[?[\s\S]{{0,40}}\b{wrong}\b"
                    ),
                ),
            ),
        ),
        repairs=(
            patch_container(component.name, component.container, {"command": right}),
            (
                f"kubectl patch deployment {component.name} --type=json "
                f"-p '{orjson.dumps(replace).decode()}'"
            ),
        ),
    )


FAMILIES = (
    Family(
        name="k8s_target_port-misconfig",
        system_level="Virtualization",
        fault_type="Misconfiguration",
        carries=_called,
        inject=_target_port,
    ),
    Family(
        name="scale_pod_zero",
        system_level="Virtualization",
        fault_type="Operation Error",
        carries=_called,
        inject=scale_to_zero,
    ),
    Family(
        name="assign_to_non_existent_node",
        system_level="Virtualization",
        fault_type="Dependency Problem",
        carries=_called,
        inject=_no_node,
    ),
    Family(
        name="misconfig_app",
        system_level="Application",
        fault_type="Misconfiguration",
        carries=_broken_image,
        inject=_image,
    ),
    Family(
        name="wrong_bin_usage",
        system_level="Application",
        fault_type="Network/Storage Issue",
        carries=_one_binary_of_many,
        inject=_wrong_binary,
    ),
)
