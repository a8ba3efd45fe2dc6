"""What is kept beside templates: volumes with their data, settings, flags, accounts of stores.

Invariant: data lies where its volume lies, whatever the claim is called: a path on a node, or the
volume object itself where it was provisioned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.flags import served
from agents.environments.simulated.network import may_write

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.collateral.reach import Reach
    from agents.environments.simulated.objects.kinds import Manifest

Place = tuple[str, str]
"""(kind, where) of data: ("hostPath", its path) or ("volume", the uid)."""


def place_of(cluster: Cluster, claim: str) -> Place | None:
    """Return where the data of a claim lies, None for one without a volume."""
    body = cluster.store.get("persistentvolumeclaims", cluster.namespace, claim)
    if body is None or (body.get("status") or {}).get("phase") != "Bound":
        return None
    name = body["spec"].get("volumeName", "")
    volume = cluster.store.get("persistentvolumes", "", name)
    if volume is None:
        return None
    path = (volume["spec"].get("hostPath") or {}).get("path")
    return ("hostPath", path) if path else ("volume", volume["metadata"]["uid"])


def places(cluster: Cluster) -> dict[str, Place]:
    """Return claim -> where its data lies, for every claim that has a volume."""
    names = [
        item["metadata"]["name"]
        for item in cluster.store.each("persistentvolumeclaims", cluster.namespace)
    ]
    return {name: place for name in names if (place := place_of(cluster, name)) is not None}


def lost(base: Cluster, now: Cluster, reach: Reach) -> str | None:
    """Return which data no claim holds any more, or which user of a store lost a right."""
    kept = set(places(now).values())
    for claim, place in places(base).items():
        if place not in kept:
            return f"no claim holds the volume in which claim {claim} had its data"
    return None if reach.anyone else _accounts(base, now)


def _accounts(base: Cluster, now: Cluster) -> str | None:
    for store, users in base.accounts.items():
        databases = {place for roles in users.values() for _, place in roles}
        for user, roles in users.items():
            present = now.accounts.get(store, {}).get(user)
            if present is None:
                return f"user {user} of {store} is gone"
            for database in sorted(databases):
                if may_write(roles, database) and not may_write(present, database):
                    return f"user {user} of {store} may no longer write {database}"
    return None


def changed_values(
    base: Cluster, where: tuple[str, str], pair: tuple[Manifest, Manifest], reach: Reach
) -> str | None:
    """Return which value of a ConfigMap or Secret is not what it was, or None."""
    kind, name = where
    before, after = (_values(item) for item in pair)
    for key, value in before.items():
        if key not in after:
            return f"{kind[:-1]} {name} lost its key {key}"
        if value == after[key] or reach.anyone:
            continue
        if base.application.flags and base.application.flags[:2] == (name, key):
            problem = _flags(base, value, str(after[key]), reach)
            if problem:
                return problem
            continue
        return f"the value of {key} in {kind[:-1]} {name} was changed"
    return None


def _values(item: Manifest) -> Manifest:
    """Return an object's values as their readers meet them: what is in clear text goes first."""
    found: Manifest = {}
    for field in ("data", "binaryData", "stringData"):
        found |= item.get(field) or {}
    return found


def _flags(base: Cluster, before: str, after: str, reach: Reach) -> str | None:
    """Return which flag is not what it was; those of components in reach may be disabled."""
    try:
        was, present = (orjson.loads(text)["flags"] for text in (before, after))
        on = (served(before), served(after))
        mine = {
            flag.name
            for component in base.application.components
            if component.name in reach
            for flag in component.program.flags
        }
        for name, body in was.items():
            other = present.get(name)
            if other is None:
                return f"flag {name} is gone"
            if body.get("variants") != other.get("variants"):
                return f"flag {name} has other variants than before"
            fields = ("state", "defaultVariant") if name not in mine else ()
            if on[0].get(name) != on[1].get(name) or any(
                body.get(field) != other.get(field) for field in fields
            ):
                return f"flag {name} is switched otherwise than before"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "the file of the feature flags can't be read"
    return None
