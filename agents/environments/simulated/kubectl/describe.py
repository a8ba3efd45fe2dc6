"""`kubectl describe`: which objects, and who describes each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agents.environments.simulated.kubectl.describe_others import (
    describe_account,
    describe_claim,
    describe_configmap,
    describe_node,
    describe_plain,
    describe_policy,
    describe_secret,
    describe_service,
)
from agents.environments.simulated.kubectl.describe_workloads import (
    describe_deployment,
    describe_pod,
    describe_replica_set,
)
from agents.environments.simulated.kubectl.errors import CommandFailed, not_found
from agents.environments.simulated.kubectl.eventlist import section
from agents.environments.simulated.kubectl.selecting import (
    find,
    kinds_of,
    listed,
    namespace_of,
)
from agents.environments.simulated.kubectl.tables import elastic
from agents.environments.simulated.objects.kinds import KINDS, Manifest

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster

_BY_KIND: dict[str, Callable[[Cluster, Manifest], list[str]]] = {
    "pods": describe_pod,
    "deployments": describe_deployment,
    "replicasets": describe_replica_set,
    "services": describe_service,
    "nodes": describe_node,
    "configmaps": describe_configmap,
    "secrets": describe_secret,
    "networkpolicies": describe_policy,
    "persistentvolumeclaims": describe_claim,
    "serviceaccounts": describe_account,
}
_WITHOUT_EVENTS = ("networkpolicies", "secrets")


def describe(cluster: Cluster, command: Command) -> str:
    """Return the output of `describe`; a missing name may be the beginning of others."""
    parts: list[str] = []
    errors: list[CommandFailed] = []
    for kind in kinds_of(command):
        names = [target.name for target in command.targets if target.kind == kind and target.name]
        if not names:
            items = listed(cluster, command, kind)
        else:
            items = []
            for name in names:
                try:
                    items += _named(cluster, command, kind, name)
                except CommandFailed as error:
                    errors.append(error)
        parts += [_described(cluster, command, kind, item) for item in items]
    text = "\n\n".join(parts)
    if errors:
        raise CommandFailed(text + "\n".join(error.text for error in errors))
    if not parts:
        return f"No resources found in {namespace_of(command)} namespace.\n"
    return text


def _named(cluster: Cluster, command: Command, kind: str, name: str) -> list[Manifest]:
    try:
        return [find(cluster, command, kind, name)]
    except CommandFailed:
        alike = [
            item
            for item in listed(cluster, command, kind)
            if item["metadata"]["name"].startswith(name)
        ]
        if not alike:
            raise not_found(kind, name) from None
        return alike


def _described(cluster: Cluster, command: Command, kind: str, item: Manifest) -> str:
    lines = _BY_KIND.get(kind, describe_plain)(cluster, item)
    if kind not in _WITHOUT_EVENTS and command.flag("show-events") != "false" and kind in KINDS:
        lines += section(cluster, item)
    return "\n".join(elastic(lines)) + "\n"
