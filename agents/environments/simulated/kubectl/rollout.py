"""`rollout status`, `rollout history` and `wait`: they look, and never move the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.controllers.deployments import (
    finished,
    replica_sets,
    revision_of,
)
from agents.environments.simulated.kubectl.describe_workloads import template_lines
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.output import qualified_name
from agents.environments.simulated.kubectl.selecting import find
from agents.environments.simulated.kubectl.tables import elastic
from agents.environments.simulated.objects.manifest import CHANGE_CAUSE

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest


def rolled(cluster: Cluster, command: Command) -> Manifest:
    """Return the deployment that a rollout command names."""
    target = command.targets[0]
    item = find(cluster, command, target.kind, target.name or "")
    if target.kind != "deployments":
        raise CommandFailed(f"error: no rollout support for {target.kind} in this cluster")
    return item


def progress(deployment: Manifest) -> str:
    """Return one line of `rollout status`."""
    name, wanted = deployment["metadata"]["name"], deployment["spec"]["replicas"]
    status = deployment["status"]
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    prefix = f'Waiting for deployment "{name}" rollout to finish: '
    if updated < wanted:
        return f"{prefix}{updated} out of {wanted} new replicas have been updated..."
    if total > updated:
        return f"{prefix}{total - updated} old replicas are pending termination..."
    if available < updated:
        return f"{prefix}{available} of {updated} updated replicas are available..."
    return f'deployment "{name}" successfully rolled out'


def status(cluster: Cluster, command: Command) -> str:
    """Return what `rollout status` sees after waiting for as long as it may."""
    deployment = rolled(cluster, command)
    line = progress(deployment)
    if finished(deployment):
        return f"{line}\n"
    conditions = deployment["status"].get("conditions", ())
    if any(item["reason"] == "ProgressDeadlineExceeded" for item in conditions):
        name = deployment["metadata"]["name"]
        raise CommandFailed(f'error: deployment "{name}" exceeded its progress deadline')
    if command.flag("watch") == "false":
        return f"{line}\n"
    raise CommandFailed(f"{line}\nerror: timed out waiting for the condition")


def wait(cluster: Cluster, command: Command) -> str:
    """Return whether a condition holds now; it fails like a wait that ran out of time."""
    wanted = (command.flag("for") or "").removeprefix("condition=")
    lines = []
    for target in command.targets:
        item = find(cluster, command, target.kind, target.name or "")
        kinds = {
            c["type"].lower(): c["status"] for c in item.get("status", {}).get("conditions", ())
        }
        condition, _, value = wanted.partition("=")
        if kinds.get(condition.lower(), "").lower() != (value or "true").lower():
            raise CommandFailed(
                f"error: timed out waiting for the condition on {target.kind}/{target.name}"
            )
        lines.append(f"{qualified_name(item)} condition met\n")
    return "".join(lines)


def history(cluster: Cluster, command: Command) -> str:
    """Return the revisions of a deployment, or one of them in full."""
    deployment = rolled(cluster, command)
    sets = {revision_of(item): item for item in replica_sets(cluster, deployment)}
    name = deployment["metadata"]["name"]
    wanted = command.flag("revision")
    if wanted and int(wanted):
        chosen = sets.get(int(wanted))
        if chosen is None:
            raise CommandFailed("error: unable to find the specified revision")
        lines = template_lines(chosen["spec"]["template"])
        return (
            "\n".join([f"deployment.apps/{name} with revision #{wanted}", *elastic(lines)]) + "\n"
        )
    rows = ["REVISION\tCHANGE-CAUSE"]
    for revision, item in sorted(sets.items()):
        cause = (item["metadata"].get("annotations") or {}).get(CHANGE_CAUSE, "<none>")
        rows.append(f"{revision}\t{cause}")
    return "\n".join([f"deployment.apps/{name} ", *elastic(rows)]) + "\n\n"
