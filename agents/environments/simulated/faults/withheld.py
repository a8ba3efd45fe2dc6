"""Families whose demonstrations are withheld (split B), and those for tuning (split D)."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.applications.graph import TLS_ARGUMENTS
from agents.environments.simulated.applications.vocabulary import pseudo_word
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
from agents.environments.simulated.faults.templates import patch_container, undo
from agents.environments.simulated.objects.manifest import bare, claim

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Application, Component
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest


def _create(manifest: Manifest) -> str:
    return f"kubectl apply -f - <<'EOF'\n{orjson.dumps(manifest).decode()}\nEOF"


def _set_cpu(name: str, requests: str, limits: str) -> str:
    return (
        f"kubectl set resources deployment/{name} --requests=cpu={requests} --limits=cpu={limits}"
    )


def _keyed(application: Application, component: Component) -> bool:
    return replaceable(application, component) and any(v.config_map for v in component.variables)


def _missing_key(cluster: Cluster, component: Component, rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    container = main_container(deployment)
    item = next(
        item for item in container["env"] if "configMapKeyRef" in (item.get("valueFrom") or {})
    )
    reference = item["valueFrom"]["configMapKeyRef"]
    right = reference["key"]
    wrong = f"{right}.{pseudo_word(rng)}" if happens(rng, 0.5) else pseudo_word(rng)
    reference["key"] = wrong
    commit(cluster, "deployments", deployment)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(
                name="status",
                sights=(rf"{re.escape(component.name)}-\S+\s+0/1\s+CreateContainerConfigError",),
            ),
            Evidence(name="key", sights=(rf"find key {re.escape(wrong)}",)),
        ),
        repairs=(
            undo(component.name),
            f'kubectl patch configmap {reference["name"]} -p \'{{"data":{{"{wrong}":"info"}}}}\'',
        ),
    )


def _secured(application: Application, component: Component) -> bool:
    return component.program.protocol in TLS_ARGUMENTS and bool(application.callers(component.name))


def _require_tls(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    container = main_container(deployment)
    arguments = TLS_ARGUMENTS[component.program.protocol]
    container["args"] = [*container.get("args", ()), *arguments]
    commit(cluster, "deployments", deployment)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            caller_complains(component.name),
            Evidence(
                name="argument", sights=(rf"\A(get|describe)[\s\S]*{re.escape(arguments[1])}",)
            ),
        ),
        repairs=(
            undo(component.name),
            patch_container(component.name, component.container, {"args": None}),
        ),
    )


def _greedy(cluster: Cluster, component: Component, rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    resources = main_container(deployment)["resources"]
    cores = str(rng.randint(9, 64))
    limits, requests = component.limits[0], component.requests[0]
    resources["requests"]["cpu"] = resources["limits"]["cpu"] = cores
    commit(cluster, "deployments", deployment)
    name = re.escape(component.name)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(
                name="pending",
                sights=(rf"\Aget [\s\S]*\b{name}-\S+\s+0/1\s+Pending", "Insufficient cpu"),
            ),
            Evidence(
                name="request", sights=(rf"\A(get|describe|rollout)[\s\S]*cpu\"?:\s+\"?{cores}\b",)
            ),
        ),
        repairs=(
            undo(component.name),
            _set_cpu(component.name, requests, limits),
        ),
    )


def _mounted(application: Application, component: Component) -> bool:
    return component.volume is not None and replaceable(application, component)


def _no_claim(cluster: Cluster, component: Component, rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    volume = deployment["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]
    wrong = f"{component.name}-{rng.choice(('storage', 'disk', 'data-v2', pseudo_word(rng)))}"
    volume["claimName"] = wrong
    commit(cluster, "deployments", deployment)
    body = claim(wrong, cluster.namespace, cluster.application.storage_class, "1Gi")
    del body["status"]
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(
                name="pending", sights=(rf"\b{re.escape(component.name)}-\S+\s+0/1\s+Pending",)
            ),
            Evidence(
                name="claim", sights=(rf'persistentvolumeclaim "{re.escape(wrong)}" not found',)
            ),
        ),
        repairs=(undo(component.name), _create(body)),
    )


def _identified(_application: Application, component: Component) -> bool:
    return any(call.critical and call.user_variable for call in component.program.calls)


def _wrong_user(cluster: Cluster, component: Component, rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    call = next(call for call in component.program.calls if call.critical and call.user_variable)
    item = next(
        item for item in main_container(deployment)["env"] if item["name"] == call.user_variable
    )
    right, item["value"] = item["value"], pseudo_word(rng)
    wrong = item["value"]
    commit(cluster, "deployments", deployment)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(name="refused", sights=(rf"\Alogs [\s\S]*{re.escape(call.target)}",)),
            Evidence(
                name="user", sights=(rf"\A(get|describe|exec|logs)[\s\S]*{re.escape(wrong)}",)
            ),
        ),
        repairs=(
            undo(component.name),
            f"kubectl set env deployment/{component.name} {call.user_variable}={right}",
        ),
    )


def _alive(_application: Application, component: Component) -> bool:
    return component.liveness is not None


def _wrong_liveness(cluster: Cluster, component: Component, rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    probe = main_container(deployment)["livenessProbe"]
    how = "tcpSocket" if "tcpSocket" in probe else "httpGet"
    right = probe[how]["port"]
    wrong = right + rng.choice((1, 10, 100, 1000))
    probe[how]["port"] = wrong
    commit(cluster, "deployments", deployment)
    name = re.escape(component.name)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(
                name="restarts",
                sights=(rf"{name}[\s\S]*(CrashLoopBackOff|failed liveness|Back-off)",),
            ),
            Evidence(name="probe_port", sights=(rf"\A(get|describe|events)[\s\S]*:?{wrong}\b",)),
        ),
        repairs=(
            undo(component.name),
            patch_container(
                component.name, component.container, {"livenessProbe": {how: {"port": right}}}
            ),
        ),
    )


def _no_account(cluster: Cluster, component: Component, rng: Random) -> Injection:
    deployment, original = edit(cluster, "deployments", component.name)
    wrong = f"{component.name}-{rng.choice(('runner', 'sa', pseudo_word(rng)))}"
    spec = deployment["spec"]["template"]["spec"]
    spec["serviceAccount"] = spec["serviceAccountName"] = wrong
    commit(cluster, "deployments", deployment)
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(name="refused", sights=(rf'serviceaccount "{re.escape(wrong)}" not found',)),
            caller_complains(component.name),
        ),
        repairs=(
            undo(component.name),
            _create(bare("serviceaccounts", wrong, cluster.namespace)),
        ),
    )


WITHHELD = (
    Family(
        name="missing_config_key",
        system_level="Application",
        fault_type="Dependency Problem",
        carries=_keyed,
        inject=_missing_key,
    ),
    Family(
        name="tls_required",
        system_level="Application",
        fault_type="Misconfiguration",
        carries=_secured,
        inject=_require_tls,
    ),
    Family(
        name="cpu_request_too_big",
        system_level="Virtualization",
        fault_type="Misconfiguration",
        carries=replaceable,
        inject=_greedy,
    ),
    Family(
        name="unbound_volume",
        system_level="Virtualization",
        fault_type="Dependency Problem",
        carries=_mounted,
        inject=_no_claim,
    ),
    Family(
        name="store_account",
        system_level="Application",
        fault_type="Authentication Issue",
        carries=_identified,
        inject=_wrong_user,
    ),
)
TUNING = (
    Family(
        name="liveness_probe",
        system_level="Virtualization",
        fault_type="Misconfiguration",
        carries=_alive,
        inject=_wrong_liveness,
    ),
    Family(
        name="service_account",
        system_level="Virtualization",
        fault_type="Dependency Problem",
        carries=replaceable,
        inject=_no_account,
    ),
)
