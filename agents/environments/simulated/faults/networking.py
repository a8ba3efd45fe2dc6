"""Faults between a service and its pods: target port, selector, network policy."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.applications.vocabulary import pseudo_word
from agents.environments.simulated.dice import happens
from agents.environments.simulated.faults.family import (
    Evidence,
    Family,
    Injection,
    Original,
    caller_complains,
    commit,
    edit,
)
from agents.environments.simulated.objects.manifest import bare
from agents.environments.simulated.objects.selectors import selector_text

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Application, Component
    from agents.environments.simulated.cluster import Cluster


def _any(_application: Application, _component: Component) -> bool:
    return True


def _patch(kind: str, name: str, body: object, strategy: str = "strategic") -> str:
    text = orjson.dumps(body).decode()
    return f"kubectl patch {kind} {name} --type={strategy} -p '{text}'"


def _wrong_target_port(cluster: Cluster, component: Component, rng: Random) -> Injection:
    right = component.program.port
    wrong = right
    while wrong == right:
        wrong = rng.choice(
            (right + rng.choice((1, 10, 100, 1000)), 9999, 8000, rng.randint(2000, 9998))
        )
    return point_at(cluster, component, wrong)


def point_at(cluster: Cluster, component: Component, wrong: int) -> Injection:
    """Point a component's service at a port where nobody listens."""
    service, original = edit(cluster, "services", component.name)
    right = component.program.port
    service["spec"]["ports"][0]["targetPort"] = wrong
    commit(cluster, "services", service)
    name = re.escape(component.name)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            caller_complains(component.name),
            Evidence(
                name="target_port",
                sights=(
                    rf"\A(get|describe) [\s\S]*\b{name}\b[\s\S]*{wrong}",
                    rf"\Aget endpoints[\s\S]*^{name}\s+\S*:{wrong}",
                ),
            ),
            Evidence(
                name="listening_port",
                sights=(rf"\A(get|describe|logs) [\s\S]*\b{name}\b[\s\S]*\b{right}\b",),
            ),
        ),
        repairs=(
            _patch(
                "service",
                component.name,
                [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": right}],
                "json",
            ),
            _patch(
                "service",
                component.name,
                {"spec": {"ports": [{"port": component.service_port, "targetPort": right}]}},
            ),
        ),
    )


def _wrong_selector(cluster: Cluster, component: Component, rng: Random) -> Injection:
    service, original = edit(cluster, "services", component.name)
    label = cluster.application.label
    right = dict(service["spec"]["selector"])
    wrong = dict(right)
    undo: dict[str, str | None] = dict(right)
    if happens(rng, 0.5):  # another value, or one label too many
        wrong[label] = rng.choice(
            (f"{component.name}-{rng.choice(('v2', 'new', 'canary'))}", pseudo_word(rng))
        )
    else:
        key = rng.choice(("version", "track", "tier", "release"))
        wrong[key] = rng.choice(("v2", "stable", "canary", pseudo_word(rng)))
        undo[key] = None
    service["spec"]["selector"] = wrong
    commit(cluster, "services", service)
    name, text = re.escape(component.name), re.escape(selector_text(wrong))
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            caller_complains(component.name),
            Evidence(
                name="no_endpoints",
                sights=(
                    rf"\Aget endpoints[\s\S]*^{name}\s+<none>",
                    rf"\Adescribe services/{name}[\s\S]*^Endpoints:\s*$",
                ),
            ),
            Evidence(
                name="selector",
                sights=(
                    rf"\A(get|describe) [\s\S]*\b{name}\b[\s\S]*{text}",
                    rf"\Aget services/{name}[\s\S]*selector[\s\S]*",
                ),
            ),
        ),
        repairs=(
            _patch("service", component.name, {"spec": {"selector": undo}}),
            _patch(
                "service",
                component.name,
                [{"op": "replace", "path": "/spec/selector", "value": right}],
                "json",
            ),
        ),
    )


def _deny(cluster: Cluster, component: Component, rng: Random) -> Injection:
    prefix = rng.choice((f"{component.name}-", "", "default-", "restrict-", f"{pseudo_word(rng)}-"))
    name = f"{prefix}{rng.choice(('ingress', 'policy', 'baseline', 'isolation', 'rules'))}"
    label = cluster.application.label
    policy = bare("networkpolicies", name, cluster.namespace)
    policy["metadata"]["generation"] = 1
    policy["spec"] = {
        "podSelector": {"matchLabels": {label: component.name}},
        "policyTypes": ["Ingress"],
    }
    if happens(rng, 0.5):  # deny everything, or let a stranger in
        stranger = {label: pseudo_word(rng)}
        policy["spec"]["ingress"] = [{"from": [{"podSelector": {"matchLabels": stranger}}]}]
    cluster.store.create("networkpolicies", policy, cluster.stamp())
    cluster.settle()
    return Injection(
        service=component.name,
        originals=(Original(kind="networkpolicies", name=name, manifest=None),),
        evidence=(
            caller_complains(component.name),
            Evidence(
                name="policy",
                sights=(rf"\A(get|describe) networkpolicies[\s\S]*\b{re.escape(name)}\b",),
            ),
        ),
        repairs=(
            f"kubectl delete networkpolicy {name}",
            _patch("networkpolicy", name, {"spec": {"ingress": [{}]}}, "merge"),
        ),
    )


FAMILIES = (
    Family(
        name="service_target_port",
        system_level="Virtualization",
        fault_type="Misconfiguration",
        carries=_any,
        inject=_wrong_target_port,
    ),
    Family(
        name="service_selector",
        system_level="Virtualization",
        fault_type="Misconfiguration",
        carries=_any,
        inject=_wrong_selector,
    ),
    Family(
        name="network_policy",
        system_level="Virtualization",
        fault_type="Network/Storage Issue",
        carries=_any,
        inject=_deny,
    ),
)
