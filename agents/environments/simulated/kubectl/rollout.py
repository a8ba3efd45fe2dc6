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
from agents.environments.simulated.kubectl.jsonpath import shown, values_at
from agents.environments.simulated.kubectl.output import qualified_name
from agents.environments.simulated.kubectl.selecting import find, listed, targets_of
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
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return "Waiting for deployment spec update to be observed..."
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
    wanted = command.flag("for") or ""
    items, errors = _awaited(cluster, command)
    if wanted == "delete":
        errors = []
    elif errors:
        late = "error: timed out waiting for the condition"
        raise CommandFailed(late if wanted == "create" else "\n".join(errors))
    elif not items:
        raise CommandFailed("error: no matching resources found")
    met = [(kind, item, _holds(item, wanted)) for kind, item in items]
    lines = "".join(f"{qualified_name(item)} condition met\n" for _, item, holds in met if holds)
    late = "\n".join(
        f"error: timed out waiting for the condition on {kind}/{item['metadata']['name']}"
        for kind, item, holds in met
        if not holds
    )
    if late:
        raise CommandFailed(lines + late)
    return lines


def _awaited(cluster: Cluster, command: Command) -> tuple[list[tuple[str, Manifest]], list[str]]:
    """Return (kind, object) of all that a wait is about, and what is said of those missing."""
    items: list[tuple[str, Manifest]] = []
    errors: list[str] = []
    for kind, names in targets_of(command):
        if not names:
            items += [(kind, item) for item in listed(cluster, command, kind)]
        for name in names:
            try:
                items.append((kind, find(cluster, command, kind, name)))
            except CommandFailed as error:
                errors.append(error.text)
    return items, errors


def _holds(item: Manifest, wanted: str) -> bool:
    """Return whether what `--for` says is true of an object."""
    if wanted == "create":
        return True
    if wanted == "delete":
        return False
    if wanted.startswith("jsonpath="):
        path, brace, value = wanted.removeprefix("jsonpath=").replace("'", "").rpartition("}")
        found = values_at(item, path.removeprefix("{"))[:1]
        if not brace or not value:
            return bool(found)
        return [shown(one) for one in found] == [value.removeprefix("=")]
    condition, _, value = wanted.removeprefix("condition=").partition("=")
    kinds = {
        one["type"].lower(): one["status"]
        for one in (item.get("status") or {}).get("conditions") or ()
    }
    return str(kinds.get(condition.lower(), "")).lower() == (value or "true").lower()


def _told(replica_set: Manifest) -> Manifest:
    """Return the template of a revision, with what it says of its cause."""
    template: Manifest = replica_set["spec"]["template"]
    cause = (replica_set["metadata"].get("annotations") or {}).get(CHANGE_CAUSE)
    if not cause:
        return template
    annotations = {**(template["metadata"].get("annotations") or {}), CHANGE_CAUSE: cause}
    return {**template, "metadata": {**template["metadata"], "annotations": annotations}}


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
        head = f"deployment.apps/{name} with revision #{wanted}"
        return "\n".join([head, *template_lines(_told(chosen))]) + "\n\n"
    rows = ["REVISION\tCHANGE-CAUSE"]
    for revision, item in sorted(sets.items()):
        cause = (item["metadata"].get("annotations") or {}).get(CHANGE_CAUSE, "<none>")
        rows.append(f"{revision}\t{cause}")
    return "\n".join([f"deployment.apps/{name} ", *elastic(rows)]) + "\n\n"
