"""Feature flags as a process meets them: what flagd serves from its ConfigMap, and hidden ones.

Invariant: a flag bites only while flagd runs with it on; without flagd every flag has its default
of the code, which is off.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.applications.graph import Effect, Flag

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Program
    from agents.environments.simulated.cluster import Cluster

Active = tuple[tuple[Flag, float], ...]
"""Flags that are on, each with its amount in the unit of its effect."""
_OFF = ("off", "false", "")


@lru_cache(maxsize=256)
def served(text: str) -> dict[str, float]:
    """Return the flags that are on in flagd's JSON: name -> share of what each does at most.

    A variant that is a number does as much of it as its share of the flag's largest variant.
    """
    try:
        listed = orjson.loads(text)["flags"]
        found: dict[str, float] = {}
        for name, body in listed.items():
            variant = str(body.get("defaultVariant", ""))
            if body.get("state") != "ENABLED" or variant in _OFF:
                continue
            variants = body.get("variants", {})
            value = variants.get(variant)
            if value:
                numbers = [abs(float(item)) for item in variants.values() if _is_number(item)]
                found[str(name)] = float(value) / max(numbers) if _is_number(value) else 1.0
    except (ValueError, KeyError, AttributeError, TypeError):
        return {}  # flagd refuses a file that it cannot read
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def switched_on(cluster: Cluster) -> dict[str, float]:
    """Return the flags that flagd serves as on at present."""
    place = cluster.application.flags
    if place is None:
        return {}
    config, key, server = place
    if not any(run.ready and run.life for run in cluster.runs_of(server)):
        return {}
    body = cluster.store.get("configmaps", cluster.namespace, config)
    return served((body or {}).get("data", {}).get(key, ""))


def active(cluster: Cluster, program: Program, on: dict[str, float]) -> Active:
    """Return what bites a program, given what is `switched_on`."""
    found = [(flag, flag.amount * on[flag.name]) for flag in program.flags if flag.name in on]
    hidden = cluster.hidden_flags.get(program.name, ())
    return (*found, *((flag, flag.amount) for flag in hidden))


def total(flags: Active, effect: Effect) -> float:
    """Return the sum of an effect's amounts."""
    return sum(amount for flag, amount in flags if flag.effect is effect)
