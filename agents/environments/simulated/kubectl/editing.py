"""Storing an edited object: what the API server checks, refuses and answers.

Invariant: nothing reaches the store that `schema.admit` has not passed; names, namespaces and
uids never change.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from agents.environments.simulated.kubectl.documents import go_value
from agents.environments.simulated.kubectl.errors import CommandFailed, invalid, qualified
from agents.environments.simulated.kubectl.selecting import find
from agents.environments.simulated.objects.kinds import KINDS, Manifest
from agents.environments.simulated.objects.schema import Rejected, admit

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster

_FIXED = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "generation",
    "ownerReferences",
    "resourceVersion",
)
_READ_ONLY = (
    "endpoints",
    "events",
    "storageclasses",
    "namespaces",
)


def save(
    cluster: Cluster,
    kind: str,
    item: Manifest,
    *,
    new: bool = False,
    from_manifest: bool = False,
    patch: Any = None,  # noqa: ANN401 - JSON
) -> bool:
    """Store an object; returns whether it changed. Raises `CommandFailed` when refused.

    from_manifest: it comes from a file; patch: the strategic merge patch that it comes from. They
    matter only for how the API server words what it can't read.
    """
    name = item["metadata"]["name"]
    before = None
    if not new:
        before = cluster.store.get(kind, item["metadata"].get("namespace", ""), name)
        item = _kept(item, before)
    try:
        admitted = admit(kind, item, before)
    except Rejected as error:
        if error.decoding:
            raise _unreadable(kind, item, error, from_manifest=from_manifest, patch=patch) from None
        raise invalid(kind, name, str(error)) from None
    if before is None:
        cluster.store.create(kind, admitted, cluster.stamp())
        return True
    if admitted == before:
        return False
    if kind == "pods":
        _save_pod(cluster, before, admitted)
    elif not _beyond_metadata(before, admitted):
        before["metadata"] = admitted["metadata"]
        cluster.store.touch(kind, before)
    elif kind in _READ_ONLY or (kind == "replicasets" and not _only_scaled(before, admitted)):
        raise CommandFailed(
            f'Error from server (Forbidden): {qualified(kind)} "{name}" is forbidden: '
            f'User "writer" cannot patch resource "{kind}"'
        )
    else:
        cluster.store.replace(kind, admitted)
    return True


def _unreadable(
    kind: str,
    item: Manifest,
    error: Rejected,
    *,
    from_manifest: bool,
    patch: Any,  # noqa: ANN401 - JSON
) -> CommandFailed:
    """Return the API server's answer to an object with a value of the wrong type."""
    if patch is not None:
        return CommandFailed(
            f'The request is invalid: patch: Invalid value: "{go_value(patch)}": {error.converting}'
        )
    name = KINDS[kind].name
    text = str(error).replace("Go struct field ", f"Go struct field {name}Spec.", 1)
    if not from_manifest:
        whole = orjson.dumps(item).decode().replace("\\", "\\\\").replace('"', '\\"')
        return CommandFailed(f'The request is invalid: patch: Invalid value: "{whole}": {text}')
    version = KINDS[kind].version
    return CommandFailed(
        f'Error from server (BadRequest): error when creating "STDIN": {name} in version '
        f'"{version}" cannot be handled as a {name}: {text}'
    )


def _kept(item: Manifest, before: Manifest | None) -> Manifest:
    """Return the object with the metadata that no writer changes."""
    if before is None:
        raise CommandFailed("Error from server (BadRequest): the object to change does not exist")
    metadata = {key: value for key, value in item["metadata"].items() if key not in _FIXED}
    fixed = {key: value for key, value in before["metadata"].items() if key in _FIXED}
    return {**item, "metadata": {**metadata, **fixed}}


def _only_scaled(before: Manifest, after: Manifest) -> bool:
    same = {**before["spec"], "replicas": 0} == {**after["spec"], "replicas": 0}
    replicas = after["spec"].get("replicas")
    return same and isinstance(replicas, int) and not isinstance(replicas, bool) and replicas >= 0


def _beyond_metadata(before: Manifest, after: Manifest) -> bool:
    return any(
        before.get(key) != after.get(key)
        for key in before.keys() | after.keys()
        if key != "metadata"
    )


def _save_pod(cluster: Cluster, pod: Manifest, changed: Manifest) -> None:
    """Change what may change of a pod: its labels and annotations."""
    if _beyond_metadata(pod, changed):
        raise invalid(
            "pods",
            pod["metadata"]["name"],
            "spec: Forbidden: pod updates may not change fields other than "
            "`spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
            "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
            "previously negative)",
        )
    for field in ("labels", "annotations"):
        if field in changed["metadata"]:
            pod["metadata"][field] = changed["metadata"][field]
        else:
            pod["metadata"].pop(field, None)
    cluster.store.touch("pods", pod)


@dataclass(slots=True)
class Template:
    """A copy of a workload whose containers a `set` verb edits."""

    kind: str
    item: Manifest
    containers: list[Manifest]
    what: str

    def save(self, cluster: Cluster) -> bool:
        """Store the edited copy; returns whether it changed."""
        try:
            return save(cluster, self.kind, self.item)
        except CommandFailed as failure:
            group = KINDS[self.kind].group
            text = failure.text.removeprefix("The ").replace(" ", f".{group} ", 1)
            raise CommandFailed(
                f"error: failed to patch {self.what} update to pod template {text}"
            ) from None


def template_of(cluster: Cluster, command: Command) -> Template:
    """Return an editable copy of the workload that a `set` command names."""
    target = command.targets[0]
    item = deepcopy(find(cluster, command, target.kind, target.name or ""))
    spec = item["spec"] if target.kind == "pods" else item["spec"].get("template", {}).get("spec")
    if not spec:
        raise CommandFailed(f"error: {target.kind}/{target.name} has no pod template")
    return Template(target.kind, item, spec["containers"], command.verb.removeprefix("set "))
