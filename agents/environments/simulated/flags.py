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
def served(text: str) -> dict[str, float | None]:
    """Return the flags that are on in flagd's JSON: name -> times its amount (None: once)."""
    try:
        listed = orjson.loads(text)["flags"]
        found: dict[str, float | None] = {}
        for name, body in listed.items():
            variant = str(body.get("defaultVariant", ""))
            if body.get("state") != "ENABLED" or variant in _OFF:
                continue
            value = body.get("variants", {}).get(variant)
            if value:
                is_number = isinstance(value, int | float) and not isinstance(value, bool)
                found[str(name)] = float(value) if is_number else None
    except (ValueError, KeyError, AttributeError, TypeError):
        return {}  # flagd refuses a file that it cannot read
    return found


def switched_on(cluster: Cluster) -> dict[str, float | None]:
    """Return the flags that flagd serves as on at present."""
    place = cluster.application.flags
    if place is None:
        return {}
    config, key, server = place
    if not any(run.ready and run.life for run in cluster.runs_of(server)):
        return {}
    body = cluster.store.get("configmaps", cluster.namespace, config)
    return served((body or {}).get("data", {}).get(key, ""))


def active(cluster: Cluster, program: Program, on: dict[str, float | None]) -> Active:
    """Return what bites a program, given what is `switched_on`."""
    found = []
    for flag in program.flags:
        if flag.name in on:
            amount = on[flag.name]
            found.append((flag, flag.amount * (1.0 if amount is None else amount)))
    hidden = cluster.hidden_flags.get(program.name, ())
    return (*found, *((flag, flag.amount) for flag in hidden))


def total(flags: Active, effect: Effect) -> float:
    """Return the sum of an effect's amounts."""
    return sum(amount for flag, amount in flags if flag.effect is effect)
