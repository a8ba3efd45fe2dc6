"""Faults that a wrong edit of a deployment's template makes, and the ways back.

Invariant: the edit is a new revision, so `rollout undo` mends every fault of this file.
"""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.applications.vocabulary import pseudo_word, release
from agents.environments.simulated.dice import happens
from agents.environments.simulated.faults.family import (
    Evidence,
    Family,
    Injection,
    caller_complains,
    commit,
    edit,
    main_container,
    replaceable,
)

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Application, Component
    from agents.environments.simulated.cluster import Cluster


def undo(name: str) -> str:
    """Return the line that goes back one revision."""
    return f"kubectl rollout undo deployment/{name}"


def patch_container(name: str, container: str, fields: object) -> str:
    """Return the line that edits one container of a deployment."""
    inner = {"name": container, **fields} if isinstance(fields, dict) else {"name": container}
    body = {"spec": {"template": {"spec": {"containers": [inner]}}}}
    return f"kubectl patch deployment {name} -p '{orjson.dumps(body).decode()}'"


def patch_replicas(name: str, count: int) -> str:
    """Return the line that sets a deployment's replicas by a patch."""
    body = {"spec": {"replicas": count}}
    return f"kubectl patch deployment {name} -p '{orjson.dumps(body).decode()}'"


def set_image(name: str, container: str, image: str) -> str:
    """Return the line that sets a container's image."""
    return f"kubectl set image deployment/{name} {container}={image}"


def _tagged(application: Application, component: Component) -> bool:
    own = component.image.rsplit(":", 1)[0]
    benchmark = application.name == "hotel" and component.name == "geo"
    return (
        replaceable(application, component)
        and ":" in component.image
        and bool(own)
        and not benchmark
    )


def _wrong_image(cluster: Cluster, component: Component, rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    repository = component.image.rsplit(":", 1)[0]
    bad = component.image
    while bad in cluster.programs:
        form = rng.randrange(3)
        if form == 0:
            bad = f"{repository}:{release(rng)}{rng.choice(('', '-rc1', '-hotfix', '-dev'))}"
        elif form == 1:
            at = rng.randrange(len(repository))
            bad = f"{repository[:at]}{repository[at + 1 :]}:{component.image.rsplit(':', 1)[1]}"
            bad = bad.lstrip("/-.:")
        else:
            bad = f"{repository}-{pseudo_word(rng)}:{release(rng)}"
    main_container(deployment)["image"] = bad
    commit(cluster, "deployments", deployment)
    name = re.escape(component.name)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(
                name="pull_failure",
                sights=(
                    rf"\Aget [\s\S]*\b{name}-\S+\s+0/1\s+(ErrImagePull|ImagePullBackOff)",
                    rf"\A(get events|events|describe)[\s\S]*{name}[\s\S]*Failed to pull image",
                ),
            ),
            Evidence(name="image", sights=(rf"{re.escape(bad)}",)),
        ),
        repairs=(
            undo(component.name),
            set_image(component.name, component.container, component.image),
        ),
    )


def _addressed(_application: Application, component: Component) -> bool:
    return any(call.critical and call.variable for call in component.program.calls)


def _wrong_address(cluster: Cluster, component: Component, rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    calls = [call for call in component.program.calls if call.critical and call.variable]
    call = rng.choice(calls)
    variable = next(
        item for item in main_container(deployment)["env"] if item["name"] == call.variable
    )
    right = variable["value"]
    host, port = call.address.rsplit(":", 1)
    if happens(rng, 0.5):  # a wrong host or a wrong port
        at = rng.randrange(len(host))
        other = rng.choice(
            (
                f"{host}-{rng.choice(('v2', 'internal', 'new'))}",
                f"{host[:at]}{rng.choice('kqxz')}{host[at:]}",
                f"{host}.{pseudo_word(rng)}",
            )
        )
        wrong = right.replace(f"{host}:", f"{other}:")
    else:
        number = int(port) + rng.choice((1, -1, 10, 100, 1000))
        wrong = right.replace(f":{port}", f":{number}")
    variable["value"] = wrong
    commit(cluster, "deployments", deployment)
    name = re.escape(component.name)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(
                name="own_error", sights=(rf"\Alogs [^\n]*{name}[\s\S]*{re.escape(call.target)}",)
            ),
            Evidence(name="address", sights=(rf"\A(get|describe|exec)[\s\S]*{re.escape(wrong)}",)),
        ),
        repairs=(
            undo(component.name),
            f"kubectl set env deployment/{component.name} {call.variable}={right}",
        ),
    )


def _low_memory(cluster: Cluster, component: Component, rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    resources = main_container(deployment)["resources"]
    right = resources["limits"]["memory"]
    low = max(4, int(component.program.memory * rng.uniform(0.3, 0.75)))
    resources["limits"]["memory"] = f"{low}Mi"
    resources["requests"]["memory"] = f"{max(2, low // 2)}Mi"
    commit(cluster, "deployments", deployment)
    name = re.escape(component.name)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(
                name="killed",
                sights=(
                    rf"\A(get|describe) [\s\S]*{name}[\s\S]*(OOMKilled|CrashLoopBackOff)",
                    rf"\A(get events|events)[\s\S]*{name}[\s\S]*Back-off restarting",
                ),
            ),
            Evidence(
                name="limit", sights=(rf"\A(get|describe|rollout history)[\s\S]*\b{low}Mi\b",)
            ),
        ),
        repairs=(
            f"kubectl set resources deployment/{component.name} --limits=memory={right}",
            undo(component.name),
        ),
    )


def _probed(application: Application, component: Component) -> bool:
    return component.readiness is not None and replaceable(application, component)


def _wrong_readiness(cluster: Cluster, component: Component, rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    probe = main_container(deployment)["readinessProbe"]
    how = "tcpSocket" if "tcpSocket" in probe else "httpGet"
    right = probe[how]["port"]
    wrong = right
    while wrong == right:
        wrong = rng.choice((right + rng.choice((1, 10, 1000)), rng.randint(2000, 9998), 8081))
    probe[how]["port"] = wrong
    commit(cluster, "deployments", deployment)
    name = re.escape(component.name)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(
                name="unready",
                sights=(
                    rf"\Aget [\s\S]*\b{name}-\S+\s+0/1\s+Running",
                    rf"\A(get events|events|describe)[\s\S]*{name}[\s\S]*Readiness probe failed",
                ),
            ),
            Evidence(name="probe_port", sights=(rf"\A(get|describe|events)[\s\S]*:?{wrong}\b",)),
        ),
        repairs=(
            undo(component.name),
            patch_container(
                component.name, component.container, {"readinessProbe": {how: {"port": right}}}
            ),
        ),
    )


def scale_to_zero(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    """Scale a deployment to zero."""
    deployment, original = edit(cluster, "deployments", component.name)
    deployment["spec"]["replicas"] = 0
    commit(cluster, "deployments", deployment)
    name = re.escape(component.name)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            caller_complains(component.name),
            Evidence(
                name="replicas",
                sights=(
                    rf"\Aget [\s\S]*\b{name}\s+0/0\s",
                    rf"\Adescribe deployments[\s\S]*{name}[\s\S]*0 desired",
                    rf"\Aget deployments/{name}[\s\S]*replicas\"?: 0",
                    rf"\A(get events|events|describe)[\s\S]*{name}-\S+ from \d+ to 0",
                ),
            ),
        ),
        repairs=(
            f"kubectl scale deployment/{component.name} --replicas={component.replicas}",
            patch_replicas(component.name, component.replicas),
        ),
    )


FAMILIES = (
    Family(
        name="scaled_to_zero",
        system_level="Virtualization",
        fault_type="Operation Error",
        carries=lambda _application, _component: True,
        inject=scale_to_zero,
    ),
    Family(
        name="image_unpullable",
        system_level="Application",
        fault_type="Misconfiguration",
        carries=_tagged,
        inject=_wrong_image,
    ),
    Family(
        name="upstream_address",
        system_level="Application",
        fault_type="Misconfiguration",
        carries=_addressed,
        inject=_wrong_address,
    ),
    Family(
        name="memory_limit",
        system_level="Virtualization",
        fault_type="Misconfiguration",
        carries=replaceable,
        inject=_low_memory,
    ),
    Family(
        name="readiness_probe",
        system_level="Virtualization",
        fault_type="Misconfiguration",
        carries=_probed,
        inject=_wrong_readiness,
    ),
)
