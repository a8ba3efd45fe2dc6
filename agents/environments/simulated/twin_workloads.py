"""The workloads of a dump: each with its revisions and its pods, and what those pods show.

Invariant: nothing is guessed here but which container's trouble is present; `Shown` says only what
stands in a status or an event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.environments.simulated.clock import MINUTE
from agents.environments.simulated.controllers.deployments import revision_of, template_hash
from agents.environments.simulated.objects.kinds import clone
from agents.environments.simulated.objects.manifest import TEMPLATE_HASH
from agents.environments.simulated.objects.pods import is_ready
from agents.environments.simulated.objects.selectors import matches_selector
from agents.environments.simulated.twin_checks import at, entries, moment
from agents.environments.simulated.twin_dump import DumpUnusable

if TYPE_CHECKING:
    from agents.environments.simulated.objects.kinds import Manifest
    from agents.environments.simulated.twin_dump import Dump

_PULL_WORDS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_RECENT = 30 * MINUTE
_STARTING = MINUTE
KILLED = (137, 143)
_CREATED = "creationTimestamp"


@dataclass(slots=True, kw_only=True)
class Shown:
    """What the pods of one replica set show of their main container.

    crash: the last words and the exit code of a process that does not stay up.
    """

    ready: bool = False
    unpullable: bool = False
    oom: bool = False
    crash: tuple[str, int] | None = None
    unready: str | None = None


@dataclass(slots=True, kw_only=True)
class Workload:
    """A Deployment, or what becomes one. sets: its replica sets, the present one last."""

    name: str
    kind: str
    deployment: Manifest
    sets: list[Manifest] = field(default_factory=list)
    pods: list[Manifest] = field(default_factory=list)

    @property
    def template(self) -> Manifest:
        """The present template."""
        template: Manifest = self.deployment["spec"]["template"]
        return template

    @property
    def container(self) -> Manifest:
        """The main container of the present template."""
        return main_of(self.template)

    @property
    def earlier(self) -> list[Manifest]:
        """Main containers of the earlier revisions, the latest first."""
        return [main_of(item["spec"]["template"]) for item in self.sets[-2::-1]]

    def pods_of(self, replica_set: Manifest) -> list[Manifest]:
        """Return the pods that a replica set owns."""
        name = replica_set["metadata"]["name"]
        return [pod for pod in self.pods if owner_of(pod) == ("ReplicaSet", name)]


def main_of(template: Manifest) -> Manifest:
    """Return the first container of a template."""
    container: Manifest = template["spec"]["containers"][0]
    return container


def owner_of(item: Manifest) -> tuple[str, str]:
    """Return (kind, name) of an object's first owner, or two empty texts."""
    owners = item["metadata"].get("ownerReferences") or [{}]
    return str(owners[0].get("kind", "")), str(owners[0].get("name", ""))


def workloads_of(dump: Dump) -> tuple[list[Workload], list[str]]:
    """Return the workloads of a dump, and notes on what was mapped or left out."""
    found: list[Workload] = []
    notes: list[str] = []
    taken: set[str] = set()
    for kind in ("deployments", "statefulsets", "daemonsets"):
        for item in dump.each(kind):
            name = item["metadata"]["name"]
            if name in taken:
                notes.append(f"left out: {kind}/{name}, another workload has its name")
                continue
            taken.add(name)
            body = item if kind == "deployments" else _as_deployment(dump, item)
            workload = Workload(name=name, kind=kind, deployment=body)
            _with_sets(dump, workload)
            _with_pods(dump, workload)
            if kind != "deployments":
                notes.append(f"{kind}/{name} is run as a Deployment")
            elif at(body, "spec", "paused"):
                notes.append(f"deployments/{name} is paused; the lab rolls it out")
            if len(body["spec"]["template"]["spec"]["containers"]) > 1:
                main = workload.container["name"]
                notes.append(f"{name}: of its containers only {main} is simulated")
            if body["spec"]["template"]["spec"].get("initContainers"):
                notes.append(f"{name}: its init containers are not simulated")
            found.append(workload)
    known = {id(pod) for workload in found for pod in workload.pods}
    stray = [pod["metadata"]["name"] for pod in dump.each("pods") if id(pod) not in known]
    if stray:
        notes.append(f"left out: pods of no workload, ended or ending: {', '.join(stray)}")
    if sum(workload.deployment["spec"]["replicas"] for workload in found) > 2000:  # noqa: PLR2004
        raise DumpUnusable("expected at most 2000 replicas in all")
    return found, notes


def _as_deployment(dump: Dump, item: Manifest) -> Manifest:
    """Return a StatefulSet or DaemonSet as the Deployment that comes nearest."""
    name = item["metadata"]["name"]
    body = clone(item)
    body["apiVersion"], body["kind"] = "apps/v1", "Deployment"
    if item["kind"] == "DaemonSet":
        pods = [pod for pod in dump.each("pods") if owner_of(pod) == ("DaemonSet", name)]
        body["spec"]["replicas"] = len(pods) or 1
    spec = body["spec"]
    spec["strategy"] = {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
    }
    body["status"] = {"conditions": []}
    return {
        **body,
        "spec": {
            key: spec[key]
            for key in (
                "replicas",
                "selector",
                "template",
                "strategy",
                "revisionHistoryLimit",
                "progressDeadlineSeconds",
            )
        },
    }


def _with_sets(dump: Dump, workload: Workload) -> None:
    """Give a workload its replica sets; one is made where the dump has none for its template."""
    sets = [
        item
        for item in dump.each("replicasets")
        if workload.kind == "deployments" and owner_of(item) == ("Deployment", workload.name)
    ]
    digest = template_hash(workload.template)
    current = next((s for s in sets if template_hash(s["spec"]["template"]) == digest), None)
    if current is None:
        current = _made(workload, digest, max(map(revision_of, sets), default=0) + 1)
        sets.append(current)
    workload.sets = sorted(sets, key=lambda item: (item is current, revision_of(item)))


def _made(workload: Workload, digest: str, revision: int) -> Manifest:
    deployment = workload.deployment
    metadata = deployment["metadata"]
    template = clone(workload.template)
    labels = {**(template["metadata"].get("labels") or {}), TEMPLATE_HASH: digest}
    template["metadata"]["labels"] = labels
    created = {_CREATED: metadata[_CREATED]} if _CREATED in metadata else {}
    match = {**deployment["spec"]["selector"]["matchLabels"], TEMPLATE_HASH: digest}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{workload.name}-{digest}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "generation": 1,
            **created,
        },
        "spec": {
            "replicas": deployment["spec"]["replicas"],
            "selector": {"matchLabels": match},
            "template": template,
        },
    }


def _with_pods(dump: Dump, workload: Workload) -> None:
    """Give a workload its living pods; those without a known replica set go to the present one."""
    names = {item["metadata"]["name"] for item in workload.sets}
    current = workload.sets[-1]["metadata"]["name"]
    for pod in dump.each("pods"):
        metadata, (kind, name) = pod["metadata"], owner_of(pod)
        over = str(at(pod, "status", "phase")) in ("Succeeded", "Failed")
        if "deletionTimestamp" in metadata or over:
            continue
        if kind == "ReplicaSet" and name in names:
            workload.pods.append(pod)
            continue
        mine = name == workload.name and kind == workload.deployment["kind"]
        mine = mine or (kind, name) == (_KINDS.get(workload.kind, ""), workload.name)
        orphan = kind == "ReplicaSet" and not any(
            item["metadata"]["name"] == name for item in dump.each("replicasets")
        )
        labels = metadata.get("labels") or {}
        selected = matches_selector(workload.deployment["spec"]["selector"], labels)
        if mine or (orphan and workload.kind == "deployments" and selected):
            metadata["ownerReferences"] = [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": current}
            ]
            workload.pods.append(pod)


_KINDS = {"statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}


def status_of(pod: Manifest, container: str) -> Manifest:
    """Return a container's entry in the status of its pod; empty where there is none."""
    listed = entries(pod["status"], "containerStatuses")
    return next((one for one in listed if one.get("name") == container), {})


def shown(dump: Dump, workload: Workload, replica_set: Manifest) -> Shown:
    """Return what the pods of a replica set show of their main container."""
    found = Shown()
    name = main_of(replica_set["spec"]["template"])["name"]
    for pod in workload.pods_of(replica_set):
        status = status_of(pod, name)
        ready = is_ready_in(pod)
        found.ready = found.ready or ready
        waiting = str(at(status, "state", "waiting", "reason") or "")
        found.unpullable = found.unpullable or waiting in _PULL_WORDS
        if not ready and at(status, "state", "running") is not None:
            since = moment(at(status, "state", "running", "startedAt")) or 0.0
            if dump.present - since > _STARTING:
                found.unready = _probe_words(dump, pod)
        ended = at(status, "state", "terminated") or at(status, "lastState", "terminated")
        if not isinstance(ended, dict):
            continue
        code = ended.get("exitCode")
        if not isinstance(code, int) or isinstance(code, bool):
            continue
        late = dump.present - (moment(ended.get("finishedAt")) or 0.0) <= _RECENT
        present = late and (not ready or code in KILLED)
        if waiting == "CrashLoopBackOff" or "terminated" in (status.get("state") or {}) or present:
            if ended.get("reason") == "OOMKilled":
                found.oom = True
            else:
                found.crash = (str(ended.get("message") or "").strip(), code)
    return found


def is_ready_in(pod: Manifest) -> bool:
    """Return whether a pod of a dump is ready, whatever else its conditions lack."""
    listed = entries(pod["status"], "conditions")
    return is_ready(
        {"status": {"conditions": [c for c in listed if {"type", "status"} <= c.keys()]}}
    )


def _probe_words(dump: Dump, pod: Manifest) -> str:
    """Return what the newest event says of a pod's readiness, or an empty text."""
    name = pod["metadata"]["name"]
    told = [
        event
        for event in dump.each("events")
        if event["involvedObject"].get("name") == name and event["reason"] == "Unhealthy"
    ]
    newest = max(told, key=lambda event: str(event["lastTimestamp"]), default=None)
    return str(newest["message"]) if newest else ""


def killed_by_probe(dump: Dump, workload: Workload) -> bool:
    """Return whether an event says that a liveness probe ends the workload's processes."""
    pods = {pod["metadata"]["name"] for pod in workload.pods}
    return any(
        event["involvedObject"].get("name") in pods and "failed liveness probe" in event["message"]
        for event in dump.each("events")
    )
