"""The write verbs, one handler each; what they change is stored through `editing`.

Invariant: a handler either changes nothing and raises, or changes everything that it says.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from agents.environments.simulated.controllers.deployments import replica_sets, revision_of
from agents.environments.simulated.kubectl import inside
from agents.environments.simulated.kubectl.creating import apply, autoscale, expose
from agents.environments.simulated.kubectl.deleting import delete, drain
from agents.environments.simulated.kubectl.documents import patch_document
from agents.environments.simulated.kubectl.editing import Template, save, template_of
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.output import LAST_APPLIED, qualified_name
from agents.environments.simulated.kubectl.rollout import rolled
from agents.environments.simulated.kubectl.selecting import find
from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.manifest import RESTARTED_AT, TEMPLATE_HASH
from agents.environments.simulated.objects.patching import (
    PatchFailed,
    json_patch,
    merge,
    strategic,
)

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster

_INVALID = "The request is invalid: the server rejected our request due to an error in our request"


def _target(cluster: Cluster, command: Command) -> Manifest:
    target = command.targets[0]
    return find(cluster, command, target.kind, target.name or "")


def restart(cluster: Cluster, command: Command) -> str:
    """Run `rollout restart`."""
    item = deepcopy(rolled(cluster, command))
    metadata = item["spec"]["template"]["metadata"]
    metadata["annotations"] = {**(metadata.get("annotations") or {}), RESTARTED_AT: cluster.stamp()}
    save(cluster, "deployments", item)
    return f"{qualified_name(item)} restarted\n"


def _rolled_annotations(deployment: Manifest, replica_set: Manifest) -> dict[str, str]:
    """Return the annotations of a deployment that goes back: the revision's own are its again."""

    def kept(item: Manifest, *, skipped: bool) -> dict[str, str]:
        found: dict[str, str] = item["metadata"].get("annotations") or {}
        return {
            key: value
            for key, value in found.items()
            if (key == LAST_APPLIED or key.startswith("deployment.kubernetes.io/")) is skipped
        }

    return {**kept(deployment, skipped=True), **kept(replica_set, skipped=False)}


def undo(cluster: Cluster, command: Command) -> str:
    """Run `rollout undo`: the template of an earlier revision comes back."""
    item = rolled(cluster, command)
    name = item["metadata"]["name"]
    sets = {revision_of(entry): entry for entry in replica_sets(cluster, item)}
    wanted = int(command.flag("to-revision") or 0)
    if wanted:
        if wanted not in sets:
            raise CommandFailed(f"error: unable to find specified revision {wanted} in history")
    else:
        earlier = sorted(sets)[:-1]
        if not earlier:
            raise CommandFailed(f'error: no rollout history found for deployment "{name}"')
        wanted = earlier[-1]
    template = deepcopy(sets[wanted]["spec"]["template"])
    (template["metadata"].get("labels") or {}).pop(TEMPLATE_HASH, None)
    if template == item["spec"]["template"]:
        return (
            f"{qualified_name(item)} skipped rollback (current template already matches "
            f"revision {wanted})\n"
        )
    changed = deepcopy(item)
    changed["spec"]["template"] = template
    changed["metadata"]["annotations"] = _rolled_annotations(item, sets[wanted])
    save(cluster, "deployments", changed)
    return f"{qualified_name(item)} rolled back\n"


def scale(cluster: Cluster, command: Command) -> str:
    """Run `scale --replicas`."""
    count = int(command.flag("replicas") or 0)
    lines = []
    for target in command.targets:
        item = deepcopy(find(cluster, command, target.kind, target.name or ""))
        item["spec"]["replicas"] = count
        save(cluster, target.kind, item)
        lines.append(f"{qualified_name(item)} scaled\n")
    return "".join(lines)


def _containers(template: Template, wanted: str | None) -> list[Manifest]:
    found = [c for c in template.containers if wanted in (None, "*", c["name"])]
    if not found:
        raise CommandFailed(f'error: unable to find container named "{wanted}"')
    return found


def set_image(cluster: Cluster, command: Command) -> str:
    """Run `set image`."""
    template = template_of(cluster, command)
    for operand in command.operands:
        name, _, image = operand.partition("=")
        for container in _containers(template, name):
            container["image"] = image
    changed = template.save(cluster)
    return f"{qualified_name(template.item)} image updated\n" if changed else ""


def set_env(cluster: Cluster, command: Command) -> str:
    """Run `set env`: `NAME=value` sets, `NAME-` removes."""
    template = template_of(cluster, command)
    only = command.flag("containers")
    if only and all(container["name"] != only for container in template.containers):
        about = f"{template.item['kind']}/{template.item['metadata']['name']}"
        return f'Warning: {about} does not have any containers matching "{only}"\n'
    for container in _containers(template, only):
        listed = container.get("env") or []
        for operand in command.operands:
            name, equals, value = operand.partition("=")
            name = name if equals else operand.removesuffix("-")
            at = next((i for i, item in enumerate(listed) if item["name"] == name), None)
            if not equals:
                listed = [item for item in listed if item["name"] != name]
            elif at is None:
                listed.append({"name": name, "value": value})
            else:
                listed[at] = {"name": name, "value": value}
        container["env"] = listed
    changed = template.save(cluster)
    return f"{qualified_name(template.item)} env updated\n" if changed else ""


def set_resources(cluster: Cluster, command: Command) -> str:
    """Run `set resources`."""
    template = template_of(cluster, command)
    only = command.flag("containers")
    if only and all(container["name"] != only for container in template.containers):
        raise CommandFailed(f"error: unable to find container named {only}")
    for container in _containers(template, only):
        resources = container.setdefault("resources", {})
        for field in ("limits", "requests"):
            for part in (command.flag(field) or "").split(","):
                name, equals, value = part.partition("=")
                if equals:
                    resources[field] = {**(resources.get(field) or {}), name: value}
    changed = template.save(cluster)
    return f"{qualified_name(template.item)} resource requirements updated\n" if changed else ""


def set_selector(cluster: Cluster, command: Command) -> str:
    """Run `set selector` on a service: the whole selector is replaced."""
    item = deepcopy(_target(cluster, command))
    pairs = [part for operand in command.operands for part in operand.split(",")]
    item["spec"]["selector"] = dict(part.partition("=")[::2] for part in pairs)
    save(cluster, "services", item)
    return f"{qualified_name(item)} selector updated\n"


def _patched(item: Manifest, how: str, body: Any) -> Manifest:  # noqa: ANN401 - JSON
    """Return the patched object; what the server alone writes stays as it was."""
    if how == "json":
        if not isinstance(body, list):
            raise PatchFailed(
                "error decoding patch: json: cannot unmarshal object into Go value of type "
                "[]handlers.jsonPatchOp"
            )
        changed = json_patch(item, body)
    elif isinstance(body, dict):
        changed = merge(item, body) if how == "merge" else strategic(item, body, ordered=True)
    else:
        word = {"str": "string", "list": "array"}.get(type(body).__name__, "number")
        start = "error decoding patch: " if how == "merge" else ""
        raise PatchFailed(
            f"{start}json: cannot unmarshal {word} into Go value of type map[string]interface {{}}"
        )
    metadata, known = changed.get("metadata"), item["metadata"]["name"]
    name = metadata.get("name", "") if isinstance(metadata, dict) else ""
    if not isinstance(metadata, dict) or name != known:
        raise PatchFailed(
            f"the name of the object ({name}) does not match the name on the URL ({known})"
        )
    metadata["namespace"] = item["metadata"].get("namespace", "")
    if not metadata["namespace"]:
        del metadata["namespace"]
    for key in ("apiVersion", "kind", "status"):
        changed.pop(key, None)
        if key in item:
            changed[key] = item[key]
    return changed


def patch(cluster: Cluster, command: Command) -> str:
    """Run `patch` in one of its three ways."""
    item = _target(cluster, command)
    how = command.flag("type") or "strategic"
    body = patch_document(command.flag("patch") or "")
    try:
        changed = _patched(item, how, body)
    except PatchFailed as error:
        text = f"Error from server (BadRequest): {error}"
        if how == "json" and isinstance(body, list):
            text = _INVALID
        raise CommandFailed(text) from None
    told = body if how == "strategic" else None
    same = save(cluster, command.targets[0].kind, changed, patch=told) is False
    return f"{qualified_name(item)} patched{' (no change)' if same else ''}\n"


def label(cluster: Cluster, command: Command) -> str:
    """Run `label` or `annotate`."""
    field = "labels" if command.verb == "label" else "annotations"
    item = deepcopy(_target(cluster, command))
    kind = command.targets[0].kind
    before = dict(item["metadata"].get(field) or {})
    pairs, missing = dict(before), ""
    for operand in command.operands:
        name, equals, value = operand.partition("=")
        if not equals:
            name = operand.removesuffix("-")
            if pairs.pop(name, None) is None and field == "labels":
                missing += f'label "{name}" not found.\n'
        elif pairs.get(name, value) != value and command.flag("overwrite") != "true":
            problem = f"'{name}' already has a value ({pairs[name]}), and --overwrite is false"
            if field == "annotations":
                problem = (
                    "--overwrite is false but found the following declared annotation(s): "
                    f"'{name}' already has a value ({pairs[name]})"
                )
            raise CommandFailed(f"error: {problem}")
        else:
            pairs[name] = value
    if pairs != before:
        item["metadata"][field] = pairs
        save(cluster, kind, item)
    word = _told(before, pairs) if field == "labels" else "annotated"
    return f"{missing}{qualified_name(item)} {word}\n"


def _told(before: dict[str, str], after: dict[str, str]) -> str:
    """Return what `label` says that it did."""
    added = any(before.get(key) != value for key, value in after.items())
    removed = any(key not in after for key in before)
    if added and removed:
        return "modified"
    return "labeled" if added else "unlabeled" if removed else "not labeled"


def cordon(cluster: Cluster, command: Command) -> str:
    """Run `cordon` or `uncordon`."""
    wanted = command.verb == "cordon"
    lines = []
    for target in command.targets:
        item = deepcopy(find(cluster, command, "nodes", target.name or ""))
        word = "cordoned" if wanted else "uncordoned"
        if bool(item["spec"].get("unschedulable")) is wanted:
            lines.append(f"node/{target.name} already {word}\n")
            continue
        item["spec"].pop("unschedulable", None)
        if wanted:
            item["spec"]["unschedulable"] = True
        save(cluster, "nodes", item)
        lines.append(f"node/{target.name} {word}\n")
    return "".join(lines)


WRITES: dict[str, Callable[[Cluster, Command], str]] = {
    "rollout restart": restart,
    "rollout undo": undo,
    "scale": scale,
    "set image": set_image,
    "set env": set_env,
    "set resources": set_resources,
    "set selector": set_selector,
    "patch": patch,
    "apply": apply,
    "create": apply,
    "delete": delete,
    "label": label,
    "annotate": label,
    "cordon": cordon,
    "uncordon": cordon,
    "drain": drain,
    "expose": expose,
    "autoscale": autoscale,
    "exec": inside.repair,
}
