"""The deployment controller: revisions of a template as replica sets, rolled out step by step.

Invariant: a template that is not the newest replica set's becomes revision max + 1, whether it is
new or an old one come back; `rollout undo` relies on that and on nothing else.
"""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated import clock
from agents.environments.simulated.dice import letters
from agents.environments.simulated.objects.kinds import clone
from agents.environments.simulated.objects.manifest import (
    CHANGE_CAUSE,
    REVISION,
    TEMPLATE_HASH,
    bare,
)
from agents.environments.simulated.objects.store import Key

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest


_REVISION = re.compile(r"[0-9]{1,18}")


def template_hash(template: Manifest) -> str:
    """Return the pod-template-hash: the same template always has the same one."""
    labels = {
        key: value
        for key, value in (template["metadata"].get("labels") or {}).items()
        if key != TEMPLATE_HASH
    }
    body = {**template, "metadata": {**template["metadata"], "labels": labels}}
    return letters(9, orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode())


def revision_of(item: Manifest) -> int:
    """Return the revision annotation of a deployment or replica set, 0 without one in digits."""
    text = str((item["metadata"].get("annotations") or {}).get(REVISION, ""))
    return int(text) if _REVISION.fullmatch(text) else 0


def replica_sets(cluster: Cluster, deployment: Manifest) -> list[Manifest]:
    """Return the replica sets that a deployment owns, oldest revision first."""
    uid, name = deployment["metadata"]["uid"], deployment["metadata"]["name"]
    found = [
        item
        for item in cluster.store.each("replicasets", deployment["metadata"]["namespace"])
        if item["metadata"]["name"].startswith(name)  # most are others': looked at no further
        and any(owner["uid"] == uid for owner in item["metadata"].get("ownerReferences", ()))
    ]
    return sorted(found, key=revision_of)


def reconcile(cluster: Cluster, marks: dict[Key, Manifest]) -> None:
    """Work on every deployment that changed or whose replica sets did."""
    wanted: dict[str, None] = {}
    for (kind, _, name), manifest in marks.items():
        if kind == "deployments":
            wanted[name] = None
        elif kind == "replicasets":
            for owner in manifest["metadata"].get("ownerReferences", ()):
                wanted[owner["name"]] = None
    for name in wanted:
        deployment = cluster.store.get("deployments", cluster.namespace, name)
        if deployment is None:
            _collect(cluster, name)
        else:
            _roll(cluster, deployment)


def _collect(cluster: Cluster, name: str) -> None:
    """Delete what a deleted deployment owned, as the garbage collector does."""
    for item in cluster.store.each("replicasets", cluster.namespace):
        if any(owner["name"] == name for owner in item["metadata"].get("ownerReferences", ())):
            cluster.store.delete("replicasets", item)
    cluster.deadlines.pop(("deployments", name), None)


def _roll(cluster: Cluster, deployment: Manifest) -> None:
    sets = replica_sets(cluster, deployment)
    digest = template_hash(deployment["spec"]["template"])
    name = f"{deployment['metadata']['name']}-{digest}"
    newest = max((revision_of(item) for item in sets), default=0)
    current = next((item for item in sets if item["metadata"]["name"] == name), None)
    if current is None:  # a set from elsewhere has the same template under another hash
        current = next((s for s in sets if template_hash(s["spec"]["template"]) == digest), None)
    if current is None:
        current = _new_set(cluster, deployment, name, digest)
        sets.append(current)
        _set_revision(cluster, deployment, current, newest + 1)
    elif revision_of(current) < newest:
        _set_revision(cluster, deployment, current, newest + 1)
    elif revision_of(deployment) != revision_of(current):
        _set_revision(cluster, deployment, current, revision_of(current))
    _step(cluster, deployment, current, [item for item in sets if item is not current])
    _prune(cluster, deployment, current, sets)
    _report(cluster, deployment, current, sets)


def _new_set(cluster: Cluster, deployment: Manifest, name: str, digest: str) -> Manifest:
    template = clone(deployment["spec"]["template"])
    labels = {**(template["metadata"].get("labels") or {}), TEMPLATE_HASH: digest}
    template["metadata"]["labels"] = labels
    metadata = deployment["metadata"]
    body = bare("replicasets", name, metadata["namespace"], labels)
    body["metadata"]["generation"] = 1
    body["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "apps/v1",
            "blockOwnerDeletion": True,
            "controller": True,
            "kind": "Deployment",
            "name": metadata["name"],
            "uid": metadata["uid"],
        }
    ]
    match = {**deployment["spec"]["selector"].get("matchLabels", {}), TEMPLATE_HASH: digest}
    body["spec"] = {"replicas": 0, "selector": {"matchLabels": match}, "template": template}
    body["status"] = {"replicas": 0}
    return cluster.store.create("replicasets", body, cluster.stamp())


def _set_revision(
    cluster: Cluster, deployment: Manifest, replica_set: Manifest, revision: int
) -> None:
    cause = (deployment["metadata"].get("annotations") or {}).get(CHANGE_CAUSE)
    for kind, item in (("replicasets", replica_set), ("deployments", deployment)):
        annotations = item["metadata"].setdefault("annotations", {})
        annotations[REVISION] = str(revision)
        if kind == "replicasets" and cause:
            annotations[CHANGE_CAUSE] = cause
        cluster.store.touch(kind, item)


def _limit(value: int | str, replicas: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = replicas * int(value.rstrip("%")) / 100
    return ceil(share) if up else int(share)


def _live(replica_set: Manifest, field: str = "readyReplicas") -> int:
    return int(replica_set["status"].get(field, 0))


def _step(cluster: Cluster, deployment: Manifest, current: Manifest, old: list[Manifest]) -> None:
    """Take one step of the rollout; the next one follows from the marks that it leaves."""
    wanted = deployment["spec"]["replicas"]
    strategy = deployment["spec"]["strategy"]
    if strategy["type"] == "Recreate":
        for item in old:
            _scale(cluster, deployment, item, 0)
        if not any(_live(item, "replicas") for item in old):
            _scale(cluster, deployment, current, wanted)
        return
    rolling = strategy.get("rollingUpdate") or {}
    surge = _limit(rolling.get("maxSurge", "25%"), wanted, up=True)
    unavailable = _limit(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    unavailable = unavailable or (0 if surge else 1)
    have = current["spec"]["replicas"]
    total = have + sum(item["spec"]["replicas"] for item in old)
    if have > wanted:
        _scale(cluster, deployment, current, wanted)
    elif have < wanted:
        room = wanted + surge - total
        _scale(cluster, deployment, current, have + max(0, min(room, wanted - have)))
    have = current["spec"]["replicas"]
    total = have + sum(item["spec"]["replicas"] for item in old)
    spare = total - (wanted - unavailable) - (have - min(have, _live(current)))
    for item in old:  # unready old pods go first and cost no availability
        sick = item["spec"]["replicas"] - _live(item)
        gone = min(item["spec"]["replicas"], max(spare, 0), max(sick, 0))
        spare -= gone
        _scale(cluster, deployment, item, item["spec"]["replicas"] - gone)
    ready = _live(current) + sum(min(_live(item), item["spec"]["replicas"]) for item in old)
    extra = ready - (wanted - unavailable)
    for item in old:
        gone = min(item["spec"]["replicas"], max(extra, 0))
        extra -= gone
        _scale(cluster, deployment, item, item["spec"]["replicas"] - gone)


def _scale(cluster: Cluster, deployment: Manifest, replica_set: Manifest, count: int) -> None:
    before = replica_set["spec"]["replicas"]
    if before == count:
        return
    replica_set["spec"]["replicas"] = count
    cluster.store.touch("replicasets", replica_set, spec=True)
    word = "up" if count > before else "down"
    name = replica_set["metadata"]["name"]
    message = f"Scaled {word} replica set {name} from {before} to {count}"
    cluster.events.tell(
        cluster.store,
        cluster.now,
        ("deployments", deployment),
        ("Normal", "ScalingReplicaSet", message),
        "deployment-controller",
    )


def _prune(cluster: Cluster, deployment: Manifest, current: Manifest, sets: list[Manifest]) -> None:
    idle = [item for item in sets if item is not current and not item["spec"]["replicas"]]
    for item in idle[: max(0, len(idle) - deployment["spec"]["revisionHistoryLimit"])]:
        cluster.store.delete("replicasets", item)
        sets.remove(item)


def _report(
    cluster: Cluster, deployment: Manifest, current: Manifest, sets: list[Manifest]
) -> None:
    wanted = deployment["spec"]["replicas"]
    replicas = sum(_live(item, "replicas") for item in sets)
    ready = sum(_live(item) for item in sets)
    updated = _live(current, "replicas")
    counts = {
        "replicas": replicas,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(0, max(wanted, replicas) - ready),
    }
    status = {"observedGeneration": deployment["metadata"]["generation"]}
    status |= {key: value for key, value in counts.items() if value}
    rolling = (deployment["spec"]["strategy"].get("rollingUpdate") or {}).get("maxUnavailable", 1)
    enough = ready >= wanted - (_limit(rolling, wanted, up=False) if wanted else 0)
    done = updated == wanted and _live(current) == wanted and replicas == wanted
    before = {item["type"]: item for item in deployment["status"].get("conditions", ())}
    available = (
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        if enough and (ready or not wanted)
        else ("False", "MinimumReplicasUnavailable", _UNAVAILABLE)
    )
    status["conditions"] = [
        _condition(cluster, before.get("Available"), "Available", available),
        _condition(
            cluster,
            before.get("Progressing"),
            "Progressing",
            _progress(cluster, deployment, current, done=done),
        ),
    ]
    if status != deployment["status"]:
        deployment["status"] = status
        cluster.store.touch("deployments", deployment)


_UNAVAILABLE = "Deployment does not have minimum availability."


def _progress(
    cluster: Cluster, deployment: Manifest, current: Manifest, *, done: bool
) -> tuple[str, str, str]:
    """Return (status, reason, message) of the Progressing condition; keeps the deadline."""
    name = current["metadata"]["name"]
    key = ("deployments", deployment["metadata"]["name"])
    if done:
        cluster.deadlines.pop(key, None)
        return "True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.'
    progressing = next(
        (c for c in deployment["status"].get("conditions", ()) if c["type"] == "Progressing"), None
    )
    if progressing is not None and progressing["reason"] == "NewReplicaSetAvailable":
        same = f'"{name}"' in progressing["message"]
        if same:  # a finished rollout that lost pods is no new rollout
            return progressing["status"], progressing["reason"], progressing["message"]
        progressing = None
    generation = (name, revision_of(current))
    if cluster.deadlines.get(key) is None and (
        progressing is None
        or progressing["reason"] != "ProgressDeadlineExceeded"
        or f'"{name}"' not in progressing["message"]
    ):
        limit = deployment["spec"].get("progressDeadlineSeconds", 600)
        cluster.deadlines[key] = cluster.now + limit
    due = cluster.deadlines.get(key)
    if due is None or due <= cluster.now:
        cluster.deadlines.pop(key, None)
        return (
            "False",
            "ProgressDeadlineExceeded",
            f'ReplicaSet "{generation[0]}" has timed out progressing.',
        )
    return "True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'


def _condition(
    cluster: Cluster, before: Manifest | None, kind: str, now: tuple[str, str, str]
) -> Manifest:
    status, reason, message = now
    if before and (before["status"], before["reason"], before["message"]) == now:
        return before
    stamp = cluster.stamp()
    same = before is not None and before["status"] == status
    return {
        "lastTransitionTime": before["lastTransitionTime"] if before and same else stamp,
        "lastUpdateTime": stamp,
        "message": message,
        "reason": reason,
        "status": status,
        "type": kind,
    }


def check_deadlines(cluster: Cluster) -> None:
    """Mark the deployments whose progress deadline has come."""
    for (_, name), due in sorted(cluster.deadlines.items()):
        if due > cluster.now:
            continue
        deployment = cluster.store.get("deployments", cluster.namespace, name)
        if deployment is None:
            cluster.deadlines.pop(("deployments", name), None)
        else:
            cluster.store.touch("deployments", deployment)


def finished(deployment: Manifest) -> bool:
    """Return whether the rollout is complete, as `kubectl rollout status` judges."""
    wanted, status = deployment["spec"]["replicas"], deployment["status"]
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return False
    updated = status.get("updatedReplicas", 0)
    available = status.get("availableReplicas", 0)
    return bool(updated >= wanted and status.get("replicas", 0) <= updated <= available)


def age_of(item: Manifest, now: float) -> str:
    """Return the AGE column of any object."""
    return clock.age(now - clock.seconds_of(item["metadata"]["creationTimestamp"]))
