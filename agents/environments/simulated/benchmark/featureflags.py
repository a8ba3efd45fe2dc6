"""Faults that a feature flag switches on: in flagd's ConfigMap, or hidden from it.

Invariant: what a flag does stands in the application's programs; a hidden one does the same to
whatever component is drawn, and no object tells of it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.applications.graph import Effect, Flag
from agents.environments.simulated.controllers import leaks
from agents.environments.simulated.faults.family import (
    Evidence,
    Family,
    Injection,
    commit,
    edit,
)

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Application, Component
    from agents.environments.simulated.cluster import Cluster

FLAGS = {
    "ad_service_failure": ("adFailure", "on"),
    "ad_service_high_cpu": ("adHighCpu", "on"),
    "ad_service_manual_gc": ("adManualGc", "on"),
    "cart_service_failure": ("cartFailure", "on"),
    "image_slow_load": ("imageSlowLoad", "10sec"),
    "kafka_queue_problems": ("kafkaQueueProblems", "on"),
    "loadgenerator_flood_homepage": ("loadGeneratorFloodHomepage", "on"),
    "payment_service_failure": ("paymentFailure", "100%"),
    "payment_service_unreachable": ("paymentUnreachable", "on"),
    "product_catalog_service_failure": ("productCatalogFailure", "on"),
    "recommendation_service_cache_failure": ("recommendationCacheFailure", "on"),
}
"""Family (without the application's prefix) -> (flag, variant)."""
PREFIX = "astronomy_shop_"


def asks_for(component: Component, flag: str) -> bool:
    """Return whether a component's program asks for a flag."""
    return any(item.name == flag for item in component.program.flags)


def _switch(
    cluster: Cluster, component: Component, _rng: Random, *, flag: str, variant: str
) -> Injection:
    """Switch a flag on in flagd's ConfigMap, which it watches."""
    place = cluster.application.flags
    if place is None:
        raise KeyError("expected an application with flagd")
    config, key, _server = place
    body, original = edit(cluster, "configmaps", config)
    before = body["data"][key]
    flags = orjson.loads(before)
    flags["flags"][flag]["defaultVariant"] = variant
    body["data"][key] = orjson.dumps(flags, option=orjson.OPT_INDENT_2).decode()
    commit(cluster, "configmaps", body)
    leaks.watch(cluster)
    cluster.remeasure()
    off = orjson.dumps({"data": {key: before}}).decode()
    flags["flags"][flag]["state"] = "DISABLED"
    disabled = orjson.dumps({"data": {key: orjson.dumps(flags).decode()}}).decode()
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            Evidence(name="flag", sights=(rf"\A(get|describe) configmaps[\s\S]*{flag}",)),
            _trouble(component),
        ),
        repairs=(
            f"kubectl patch configmap {config} --type=merge -p '{_quoted(off)}'",
            f"kubectl patch configmap {config} --type=merge -p '{_quoted(disabled)}'",
        ),
        calm=leaks.watch,
    )


def _quoted(text: str) -> str:
    return text.replace("'", "\\u0027")


def _trouble(component: Component) -> Evidence:
    """Return the fact that the component's log or usage shows trouble of its own."""
    name = re.escape(component.name)
    return Evidence(name="trouble", sights=(rf"\A(logs|top|describe|get) [\s\S]*\b{name}\b",))


def _carries(application: Application, component: Component, *, flag: str) -> bool:
    return application.flags is not None and asks_for(component, flag)


def effect_of(application: Application, flag: str) -> tuple[Effect, float]:
    """Return what a flag does in an application: (effect, amount)."""
    for component in application.components:
        for item in component.program.flags:
            if item.name == flag:
                return item.effect, item.amount
    raise KeyError(flag)


_COMPLAINTS = {
    Effect.ERRORS: ("internal error, request dropped", "unexpected state, giving up on request"),
    Effect.DELAY: ("request took far longer than usual", "slow response, still working"),
    Effect.BURN: ("worker pool saturated", "event loop is busy"),
    Effect.PAUSES: ("stop-the-world pause", "full collection took seconds"),
    Effect.LEAK: ("cache keeps growing", "cache has no bound, lookup is slow"),
    Effect.UNREACHABLE: ("",),
    Effect.FLOOD: ("queue of waiting requests is long",),
    Effect.LAG: ("consumer is behind, lag is growing", "records wait for long"),
}


def concealed(family: Family) -> Family:
    """Return the family as it strikes without a ConfigMap that says so."""
    flag, _ = FLAGS[family.name.removeprefix(PREFIX)]
    return replace(family, inject=partial(_hide, flag=flag))


def _hide(cluster: Cluster, component: Component, rng: Random, *, flag: str) -> Injection:
    """Switch a flag's effect on at any component."""
    effect, amount = effect_of(cluster.application, flag)
    targets = [call.target for call in component.program.calls if call.critical]
    target = rng.choice(targets) if targets and effect is Effect.UNREACHABLE else None
    complaint = rng.choice(_COMPLAINTS[effect])
    secret = Flag(name=flag, effect=effect, amount=amount, target=target, complaint=complaint)
    cluster.hidden_flags[component.name] = (secret,)
    leaks.watch(cluster)
    cluster.remeasure()
    return Injection(
        service=component.name,
        originals=(),
        evidence=(_trouble(component),),
        repairs=(),
        calm=partial(_show, name=component.name),
    )


def _show(cluster: Cluster, name: str) -> None:
    cluster.hidden_flags.pop(name, None)
    leaks.watch(cluster)


FAMILIES = tuple(
    Family(
        name=f"{PREFIX}{name}",
        system_level="",
        fault_type="",
        carries=partial(_carries, flag=flag),
        inject=partial(_switch, flag=flag, variant=variant),
        mendable=name == "kafka_queue_problems",
    )
    for name, (flag, variant) in FLAGS.items()
)
