"""Faults as Chaos Mesh injects them: they strike from outside and end after their duration.

Invariant: no object of the cluster names them; only what they do can be seen.
"""

from __future__ import annotations

import re
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from agents.environments.simulated.applications.graph import Program, Protocol
from agents.environments.simulated.controllers import kubelet
from agents.environments.simulated.disturbance import Disturbance, calm, disturb, plan
from agents.environments.simulated.faults.family import (
    Evidence,
    Family,
    Injection,
    caller_complains,
)

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Application, Component
    from agents.environments.simulated.cluster import Cluster

NETWORK_SECONDS, FAILURE_SECONDS = 200.0, 100.0
_LOSS, _DELAY = 0.99, 10_000.0
_PAUSE_IMAGE = "gcr.io/google-containers/pause:latest"
_PAUSE = Program(
    name="pause",
    protocol=Protocol.HTTP,
    port=0,
    memory=1.0,
    idle=1,
    cost=0.0,
    latency=0.0,
    start=0,
)


def _called(application: Application, component: Component) -> bool:
    return bool(application.callers(component.name))


def _network(
    cluster: Cluster, component: Component, _rng: Random, *, loss: float = 0.0, delay: float = 0.0
) -> Injection:
    disturbance = Disturbance(component=component.name, loss=loss, delay=delay)
    disturb(cluster, disturbance)
    plan(cluster, cluster.now + NETWORK_SECONDS, partial(_end, disturbance=disturbance))
    return Injection(
        service=component.name,
        originals=(),
        evidence=(
            caller_complains(component.name),
            Evidence(
                name="it_runs",
                sights=(rf"\b{re.escape(component.name)}-\S+\s+1/1\s+Running",),
            ),
        ),
        repairs=(),
        calm=partial(_end, disturbance=disturbance),
    )


def _end(cluster: Cluster, disturbance: Disturbance) -> None:
    if disturbance in cluster.disturbances:
        calm(cluster, disturbance)


def _kill_pod(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    for run in list(cluster.runs_of(component.name)):
        kubelet.stop(cluster, run.pod)
    cluster.settle()
    name = re.escape(component.name)
    return Injection(
        service=component.name,
        originals=(),
        evidence=(
            Evidence(
                name="killed",
                sights=(
                    rf"\A(get events|events|describe)[\s\S]*{name}[\s\S]*(Killing|Stopping)",
                    rf"\A(get events|events|describe)[\s\S]*(Killing|Stopping)[\s\S]*{name}",
                    rf"\Aget pods[\s\S]*\b{name}-\S+\s+\d/1\s+\S+\s+0\s+\d+s\b",
                ),
            ),
        ),
        repairs=(),
    )


def _kill_container(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    for run in list(cluster.runs_of(component.name)):
        kubelet.end(cluster, run)
    name = re.escape(component.name)
    return Injection(
        service=component.name,
        originals=(),
        evidence=(
            Evidence(
                name="restarted",
                sights=(
                    rf"\Aget pods[\s\S]*\b{name}-\S+\s+\d/1\s+\S+\s+[1-9]\d* \(",
                    rf"\Adescribe pods[\s\S]*{name}[\s\S]*Exit Code:\s+137",
                ),
            ),
        ),
        repairs=(),
    )


def _fail_pod(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    cluster.programs[_PAUSE_IMAGE] = {"pause": _PAUSE}
    images = {}
    for run in list(cluster.runs_of(component.name)):
        images[run.pod["metadata"]["uid"]] = run.pod["spec"]["containers"][0]["image"]
        kubelet.end(cluster, run, image=_PAUSE_IMAGE)
    name = re.escape(component.name)
    back = partial(_restore, images=images)
    plan(cluster, cluster.now + FAILURE_SECONDS, back)
    return Injection(
        service=component.name,
        originals=(),
        evidence=(
            Evidence(name="restarts", sights=(rf"\Aget pods[\s\S]*\b{name}-\S+\s+0/1\s+\S+",)),
            Evidence(name="image", sights=(rf"\A(get|describe)[\s\S]*{re.escape(_PAUSE_IMAGE)}",)),
        ),
        repairs=(),
        calm=back,
    )


def _restore(cluster: Cluster, images: dict[str, str]) -> None:
    for run in list(cluster.runs.values()):
        image = images.get(run.pod["metadata"]["uid"])
        if image and run.pod["spec"]["containers"][0]["image"] != image:
            kubelet.end(cluster, run, image=image)
    cluster.remeasure()


FAMILIES = tuple(
    Family(
        name=name,
        system_level="",
        fault_type="",
        carries=_called,
        inject=inject,
        mendable=False,
        lead=(20, 60),
    )
    for name, inject in (
        ("network_loss", partial(_network, loss=_LOSS)),
        ("network_delay", partial(_network, delay=_DELAY)),
        ("pod_kill", _kill_pod),
        ("container_kill", _kill_container),
        ("pod_failure", _fail_pod),
    )
)
