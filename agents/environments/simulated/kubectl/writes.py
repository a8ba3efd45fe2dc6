"""The write verbs, one handler each; what they change is stored through `editing`.

Invariant: a handler either changes nothing and raises, or changes everything that it says.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from agents.environments.simulated.controllers.deployments import replica_sets, revision_of
from agents.environments.simulated.dice import draw
from agents.environments.simulated.kubectl import inside
from agents.environments.simulated.kubectl.deleting import delete, drain
from agents.environments.simulated.kubectl.editing import Template, save, template_of
from agents.environments.simulated.kubectl.errors import CommandFailed, qualified
from agents.environments.simulated.kubectl.output import qualified_name
from agents.environments.simulated.kubectl.rollout import rolled
from agents.environments.simulated.kubectl.selecting import find, namespace_of
from agents.environments.simulated.objects.kinds import BY_NAME, KINDS, Manifest
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
_CREATABLE = (
    "configmaps",
    "secrets",
    "services",
    "deployments",
    "serviceaccounts",
    "persistentvolumeclaims",
    "persistentvolumes",
    "networkpolicies",
)


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
    for container in _containers(template, command.flag("containers")):
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
    for container in _containers(template, command.flag("containers")):
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
        changed = json_patch(item, body)
    elif isinstance(body, dict):
        changed = merge(item, body) if how == "merge" else strategic(item, body)
    else:
        word = {"str": "string", "list": "array"}.get(type(body).__name__, "number")
        raise PatchFailed(
            f"json: cannot unmarshal {word} into Go value of type map[string]interface {{}}"
        )
    metadata = changed.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("name") != item["metadata"]["name"]:
        raise PatchFailed("the name of the object does not match the name on the URL")
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
    try:
        changed = _patched(item, how, _document(command.flag("patch") or ""))
    except PatchFailed as error:
        text = f"Error from server (BadRequest): {error}"
        if how == "json":
            text = _INVALID
        raise CommandFailed(text) from None
    same = save(cluster, command.targets[0].kind, changed) is False
    return f"{qualified_name(item)} patched{' (no change)' if same else ''}\n"


def _document(text: str) -> Any:  # noqa: ANN401 - JSON or YAML
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = str(error).splitlines()[0]
        raise CommandFailed(f"error: unable to parse {text!r}: yaml: {problem}") from None


def apply(cluster: Cluster, command: Command) -> str:
    """Run `apply -f -` or `create -f -` with one object."""
    body = _document(command.stdin or "")
    kind = BY_NAME.get(body.get("kind", "")) if isinstance(body, dict) else None
    metadata = body.get("metadata") if isinstance(body, dict) else None
    if kind is None or not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise CommandFailed('error: error validating "STDIN": error validating data: kind not set')
    if kind.plural not in _CREATABLE:
        raise CommandFailed(
            f'Error from server (Forbidden): error when creating "STDIN": {qualified(kind.plural)} '
            f'"{metadata["name"]}" is forbidden'
        )
    if kind.namespaced:
        metadata["namespace"] = metadata.get("namespace") or namespace_of(command)
    else:
        metadata.pop("namespace", None)
    place = metadata.get("namespace", "")
    if kind.namespaced and place != cluster.namespace:
        raise CommandFailed(
            f'Error from server (NotFound): error when creating "STDIN": namespaces '
            f'"{place}" not found'
        )
    known = cluster.store.get(kind.plural, place, metadata["name"])
    if known is None:
        return _create(cluster, kind.plural, body)
    if command.verb == "create":
        raise CommandFailed(
            f'Error from server (AlreadyExists): error when creating "STDIN": '
            f'{qualified(kind.plural)} "{metadata["name"]}" already exists'
        )
    body.pop("status", None)
    try:
        changed = strategic(known, body)
    except PatchFailed as error:
        raise CommandFailed(f"Error from server (BadRequest): {error}") from None
    word = "configured" if save(cluster, kind.plural, changed) else "unchanged"
    return f"{qualified_name(known)} {word}\n"


def _create(cluster: Cluster, kind: str, body: Manifest) -> str:
    metadata = body["metadata"]
    for field in ("uid", "resourceVersion", "creationTimestamp", "ownerReferences"):
        metadata.pop(field, None)
    body["apiVersion"] = KINDS[kind].api_version
    if kind == "services":
        spec = body.setdefault("spec", {})
        if isinstance(spec, dict):
            number = draw(cluster.seed, "service", metadata["name"], cluster.store.version)
            spec["clusterIP"] = f"10.96.{number % 200 + 20}.{number // 200 % 250 + 2}"
            spec.setdefault("type", "ClusterIP")
    if kind == "deployments":
        metadata["generation"] = 1
        body["status"] = {}
    if kind == "persistentvolumes":
        body["status"] = {"phase": "Available"}
    if kind == "persistentvolumeclaims":
        body["status"] = {"phase": "Pending"}
        spec = body.setdefault("spec", {})
        if isinstance(spec, dict):
            spec.pop("volumeName", None)
            spec.setdefault("storageClassName", cluster.application.storage_class)
    save(cluster, kind, body, new=True)
    return f"{qualified_name(body)} created\n"


def label(cluster: Cluster, command: Command) -> str:
    """Run `label` or `annotate`."""
    field = "labels" if command.verb == "label" else "annotations"
    item = deepcopy(_target(cluster, command))
    kind = command.targets[0].kind
    pairs = dict(item["metadata"].get(field) or {})
    for operand in command.operands:
        name, equals, value = operand.partition("=")
        if not equals:
            pairs.pop(operand.removesuffix("-"), None)
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
    if pairs == (item["metadata"].get(field) or {}):
        return f"{qualified_name(item)} not {'labeled' if field == 'labels' else 'annotated'}\n"
    item["metadata"][field] = pairs
    save(cluster, kind, item)
    removed = field == "labels" and all("=" not in operand for operand in command.operands)
    word = "unlabeled" if removed else "labeled" if field == "labels" else "annotated"
    return f"{qualified_name(item)} {word}\n"


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
    "exec": inside.repair,
}
