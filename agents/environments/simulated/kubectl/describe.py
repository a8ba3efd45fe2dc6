"""`kubectl describe`: which objects, and who describes each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agents.environments.simulated.kubectl.describe_network import (
    describe_endpoints,
    describe_ingress,
    describe_policy,
    describe_service,
)
from agents.environments.simulated.kubectl.describe_others import (
    describe_account,
    describe_configmap,
    describe_namespace,
    describe_node,
    describe_plain,
    describe_secret,
)
from agents.environments.simulated.kubectl.describe_sets import (
    describe_autoscaler,
    describe_daemon_set,
    describe_job,
    describe_stateful_set,
)
from agents.environments.simulated.kubectl.describe_storage import (
    describe_claim,
    describe_class,
    describe_volume,
)
from agents.environments.simulated.kubectl.describe_workloads import (
    describe_deployment,
    describe_pod,
    describe_replica_set,
)
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.eventlist import section
from agents.environments.simulated.kubectl.selecting import (
    DEPRECATED,
    find,
    known_kinds,
    listed,
    nothing_found,
    targets_of,
)
from agents.environments.simulated.kubectl.tables import elastic
from agents.environments.simulated.objects.kinds import Manifest

if TYPE_CHECKING:
    from agents.contracts.command import Command, Target
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
    "namespaces": describe_namespace,
    "endpoints": describe_endpoints,
    "ingresses": describe_ingress,
    "persistentvolumes": describe_volume,
    "storageclasses": describe_class,
    "statefulsets": describe_stateful_set,
    "daemonsets": describe_daemon_set,
    "jobs": describe_job,
    "horizontalpodautoscalers": describe_autoscaler,
}
_WITHOUT_EVENTS = ("networkpolicies", "secrets", "namespaces")


def describe(cluster: Cluster, command: Command) -> str:
    """Return the output of `describe`; a missing name may be the beginning of others.

    Events are shown of a single object only, as kubectl has it.
    """
    known_kinds(command)
    items: list[tuple[str, Manifest]] = []
    errors: list[CommandFailed] = []
    for kind, names in targets_of(command):
        if not names:
            items += [(kind, item) for item in listed(cluster, command, kind)]
            continue
        for name in names:
            try:
                items.append((kind, find(cluster, command, kind, name)))
            except CommandFailed as error:
                errors.append(error)
    warning = DEPRECATED if any(kind == "endpoints" for kind, _ in items) else ""
    if errors and len(command.targets) == 1:
        return _beginning_with(cluster, command, command.targets[0], errors[0])
    single = len(items) == 1 and not errors
    text = "\n\n".join(_described(cluster, command, *item, single=single) for item in items)
    if errors:
        raise CommandFailed(warning + text + "\n".join(error.text for error in errors))
    return warning + text if items else nothing_found(command)


def _beginning_with(
    cluster: Cluster, command: Command, target: Target, error: CommandFailed
) -> str:
    """Return the descriptions of all whose names begin with the one that was not found."""
    alike = [
        item
        for item in listed(cluster, command, target.kind)
        if item["metadata"]["name"].startswith(target.name or "")
    ]
    if not alike:
        raise error
    kind = target.kind
    return "".join(f"{_described(cluster, command, kind, item, single=False)}\n" for item in alike)


def _described(
    cluster: Cluster, command: Command, kind: str, item: Manifest, *, single: bool
) -> str:
    lines = _BY_KIND.get(kind, describe_plain)(cluster, item)
    if single and kind not in _WITHOUT_EVENTS and command.flag("show-events") != "false":
        lines += section(cluster, item)
    return "\n".join(elastic(lines)) + "\n"
