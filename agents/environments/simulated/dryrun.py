"""What an action would do: a server-side dry run on a copy, its diff and the act that undoes it.

Invariant: the cluster that is asked about is never changed; a refusal carries the API server's
own words.
"""

from __future__ import annotations

from copy import deepcopy
from difflib import unified_diff
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from agents.contracts.action import (
    Action,
    ApplyManifest,
    CordonNode,
    DeletePod,
    DeleteResource,
    HelmRollback,
    PatchResource,
    Preview,
    RestartRollout,
    RunMongoRepair,
    ScaleWorkload,
    SetEnv,
    SetImage,
    SetResources,
    Touched,
    UndoRollout,
    Workload,
)
from agents.environments.protocol import ActionRejected
from agents.environments.simulated.controllers.deployments import revision_of
from agents.environments.simulated.differences import (
    Change,
    changed_members,
    owners_of,
    scaled,
    state_of,
)
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.helm import history_of
from agents.environments.simulated.kubectl.mongoshell import users_of
from agents.environments.simulated.kubectl.output import LAST_APPLIED, safe
from agents.environments.simulated.kubectl.shell import writer_of
from agents.environments.simulated.objects.kinds import BY_NAME, KINDS, Manifest
from agents.environments.simulated.objects.patching import back, inverse
from agents.policy.commands import plain_command

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.store import Key


def preview(cluster: Cluster, action: Action) -> Preview:
    """Return what the action would change; raises `ActionRejected`."""
    copy = cluster.fork()
    copy.store.take_marks()
    command = plain_command(action)
    handler = writer_of(command)
    if handler is None:
        raise ActionRejected(f'error: unknown command "{command.verb}" for "{command.program}"')
    try:
        handler(copy, command)
    except CommandFailed as failure:
        raise ActionRejected(failure.text) from None
    keys = list(copy.store.marks)
    if isinstance(action, RunMongoRepair):
        return _repaired(cluster, copy, action)
    diffs = [_diff(key, cluster.store.get(*key), copy.store.get(*key)) for key in keys]
    changes = [(cluster.store.get(*key), copy.store.get(*key)) for key in keys]
    touched = tuple(_touched(key, before) for key, (before, _) in zip(keys, changes, strict=True))
    touched = touched or _unchanged(cluster, action)
    facts = _facts(cluster, action, changes, touched)
    rollback = (
        _helm_back(cluster, action)
        if isinstance(action, HelmRollback)
        else _rollback(action, changes)
    )
    copy.settle()  # it goes on with the objects of the changes
    affected = max(
        len(cluster.runs.keys() - copy.runs.keys()), len(copy.runs.keys() - cluster.runs.keys())
    )
    return Preview(
        diff="".join(diffs),
        touched=touched,
        rollback=rollback,
        pods_affected=affected,
        **facts,
    )


def _facts(
    cluster: Cluster, action: Action, changes: list[Change], touched: tuple[Touched, ...]
) -> dict[str, Any]:
    """Return what policy asks about beyond the act's own words."""
    before, after = scaled(changes) or (None, None)
    return {
        "changed": changed_members(_kept(action, changes)),
        "replicas_before": before,
        "replicas_after": after,
        "owners": owners_of(cluster, map(_key, touched)),
        "state": state_of(cluster.store.get(*_key(one)) for one in touched),
    }


def _kept(action: Action, changes: list[Change]) -> list[Change]:
    """Return the changes whose members the act itself does not name.

    What is deleted goes whole, and of a new object the manifest says all.
    """
    if isinstance(action, DeletePod | DeleteResource):
        return []
    made = isinstance(action, ApplyManifest)
    return [(before, after) for before, after in changes if before is not None or not made]


def _repaired(cluster: Cluster, copy: Cluster, action: RunMongoRepair) -> Preview:
    """Return what a repair changes of the users that a server keeps as data."""
    before, after = users_of(cluster, action.pod), users_of(copy, action.pod)
    if action.operation == "drop_user" and before == after:
        raise ActionRejected(f"User '{action.user}@{action.database}' not found")
    key = ("pods", cluster.namespace, action.pod)
    path = f"{'.'.join(key)}.users"
    lines = unified_diff(_lines(before), _lines(after), f"LIVE/{path}", f"MERGED/{path}", n=3)
    created = action.operation == "create_user"
    undo = {"operation": "drop_user", "password_variable": None, "roles": ()}
    return Preview(
        diff="".join(lines),
        touched=(_touched(key, cluster.store.get(*key)),),
        rollback=action.model_copy(update=undo) if created else None,
        pods_affected=0,
        changed=(),
        owners=owners_of(cluster, [key]),
        state=state_of([cluster.store.get(*key)]),
    )


def _touched(key: Key, before: Manifest | None) -> Touched:
    kind, namespace, name = key
    version = before["metadata"]["resourceVersion"] if before else None
    return Touched(kind=kind, namespace=namespace or None, name=name, resource_version=version)


def _key(touched: Touched) -> Key:
    return touched.kind, touched.namespace or "", touched.name


def _unchanged(cluster: Cluster, action: Action) -> tuple[Touched, ...]:
    """Return what an action without effect is about."""
    target = plain_command(action).targets[:1]
    for item in target:
        if item.kind not in KINDS:  # a release is no object
            return ()
        namespace = cluster.namespace if KINDS[item.kind].namespaced else ""
        found = cluster.store.get(item.kind, namespace, item.name or "")
        return (_touched((item.kind, namespace, item.name or ""), found),)
    return ()


def _text(item: Manifest | None) -> list[str]:
    if item is None:
        return []
    shown = {key: value for key, value in safe(item).items() if key != "status"}
    metadata = dict(shown["metadata"])
    for field in ("resourceVersion", "uid", "generation", "creationTimestamp"):
        metadata.pop(field, None)
    shown["metadata"] = metadata
    return _lines(shown)


def _lines(data: object) -> list[str]:
    return yaml.dump(data, Dumper=yaml.CSafeDumper, width=10_000).splitlines(keepends=True)


def _diff(key: Key, before: Manifest | None, after: Manifest | None) -> str:
    kind, namespace, name = key
    path = ".".join(part for part in (kind, namespace, name) if part)
    lines = unified_diff(_text(before), _text(after), f"LIVE/{path}", f"MERGED/{path}", n=3)
    return "".join(lines)


def _rollback(action: Action, changes: list[Change]) -> Action | None:
    """Return the action that leads back to the present state, or None."""
    if isinstance(action, ScaleWorkload):
        replicas = changes[0][0]["spec"]["replicas"] if changes and changes[0][0] else None
        if replicas is None:
            return None
        return ScaleWorkload(workload=action.workload, replicas=replicas)
    if isinstance(action, (RestartRollout, UndoRollout, SetImage, SetEnv, SetResources)):
        return _go_back(action.workload, changes)
    if isinstance(action, CordonNode):
        return CordonNode(name=action.name, unschedulable=not action.unschedulable)
    if isinstance(action, DeletePod) or len(changes) != 1:
        return None
    before, after = changes[0]
    if isinstance(action, DeleteResource) and before is not None:
        return _made_again(before)
    if before is None and after is not None and isinstance(action, ApplyManifest):
        return DeleteResource(kind=action.kind, namespace=action.namespace, name=action.name)
    if before is not None and after is not None:
        return _patched_back(before, after)
    return None


def _helm_back(cluster: Cluster, action: HelmRollback) -> Action | None:
    """Return the rollback to the revision that is deployed now."""
    history = history_of(cluster, action.release)
    return action.model_copy(update={"revision": history[-1].number}) if history else None


def _go_back(workload: Workload, changes: list[Change]) -> Action | None:
    before = changes[0][0] if changes else None
    if before is None or not revision_of(before):
        return None
    return UndoRollout(workload=workload, revision=revision_of(before))


def _patched_back(before: Manifest, after: Manifest) -> Action | None:
    """Return what undoes a patch or an apply: the rollout's undo where the template alone changed.

    Where more did, a JSON patch of exactly these members: an undo would leave the others.
    """
    kind = BY_NAME[before["kind"]].plural
    was, became = _described(before), _described(after)
    revised = kind == "deployments" and was["spec"]["template"] != became["spec"]["template"]
    if revised and _without_template(was) == _without_template(became):
        named = {name: before["metadata"][name] for name in ("namespace", "name")}
        return _go_back(Workload(kind="deployments", **named), [(before, after)])
    undo: Any = back(was, became) if revised else inverse(was, became)
    if not undo:
        return None
    return PatchResource(
        kind=kind,
        namespace=before["metadata"].get("namespace", "default"),
        name=before["metadata"]["name"],
        strategy="json" if revised else "merge",
        patch=orjson.dumps(undo, option=orjson.OPT_SORT_KEYS).decode(),
    )


def _described(item: Manifest) -> Manifest:
    """Return what a user writes, with parts to which a first name may be added as if empty.

    So it is taken away by its name, not with all the rest.
    """
    own = _own(item)
    template = own.get("spec", {}).get("template") if isinstance(own.get("spec"), dict) else None
    for one in (own, template) if isinstance(template, dict) else (own,):
        metadata = one.setdefault("metadata", {})
        for name in ("annotations", "labels"):
            metadata[name] = metadata.get(name) or {}
    return own


def _without_template(item: Manifest) -> Manifest:
    spec = {key: value for key, value in item["spec"].items() if key != "template"}
    return {**item, "spec": spec}


def _own(item: Manifest) -> Manifest:
    """Return what a user writes of an object, less what `apply` keeps for itself."""
    metadata = {
        key: value
        for key, value in item["metadata"].items()
        if key in ("name", "namespace", "labels", "annotations")
    }
    annotations = metadata.get("annotations") or {}
    if LAST_APPLIED in annotations:
        kept = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
        metadata["annotations"] = kept
    body = {key: value for key, value in item.items() if key not in ("status", "metadata")}
    return {**deepcopy(body), "metadata": deepcopy(metadata)}


def _made_again(before: Manifest) -> Action | None:
    if before["kind"] == "Secret":  # its values must not travel in an action
        return None
    body = _own(before)
    return ApplyManifest(
        mode="create",
        kind=BY_NAME[before["kind"]].plural,
        namespace=before["metadata"].get("namespace", "default"),
        name=before["metadata"]["name"],
        manifest=orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode(),
    )
