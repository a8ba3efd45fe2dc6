"""The pods of a dump come to life again: same names, nodes and ages, at the same phase.

Invariant: a pod's status is written by its kubelet alone; what is taken from the dump is when a
pod began, how often it restarted, and in which phase of its restart loop it was met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.controllers import kubelet, podstatus
from agents.environments.simulated.controllers.process import PodRun, Stage, Timer
from agents.environments.simulated.objects.kinds import clone
from agents.environments.simulated.objects.manifest import bare
from agents.environments.simulated.twin_checks import at, moment
from agents.environments.simulated.twin_objects import put
from agents.environments.simulated.twin_workloads import is_ready_in, status_of

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest
    from agents.environments.simulated.twin_dump import Dump
    from agents.environments.simulated.twin_workloads import Workload


_ENDING = (Timer.EXIT, Timer.KILL, Timer.DIAL)


def revive(cluster: Cluster, dump: Dump, workload: Workload) -> None:
    """Create a workload's replica sets and pods, each of which starts when it did, or early."""
    for item in workload.sets:
        pods = workload.pods_of(item)
        body = clone(item)
        body["metadata"].pop("ownerReferences", None)  # nobody owns it until the pods are up
        body["status"] = {"replicas": len(pods)}
        asked = body["spec"]["replicas"]
        body["spec"]["replicas"] = max(asked, len(pods))
        created = put(cluster, "replicasets", body)
        for pod in pods:
            run = _admit(cluster, created, pod)
            begun = moment(pod["metadata"].get("creationTimestamp")) or 0.0
            if is_ready_in(pod):
                begun = 0.0  # what is ready had the time to become so
            if "nodeName" in run.pod["spec"]:
                first = min(max(cluster.now + 1.0, begun), dump.present - 1.0)
                run.timers[Timer.PULL_AGAIN] = first


def _admit(cluster: Cluster, replica_set: Manifest, pod: Manifest) -> PodRun:
    """Create a pod of the dump as its replica set's template has it, on the node it is on."""
    template, metadata = replica_set["spec"]["template"], pod["metadata"]
    body = bare("pods", metadata["name"], cluster.namespace)
    labels = metadata.get("labels") or template["metadata"].get("labels") or {}
    body["metadata"] |= {
        key: metadata[key]
        for key in ("uid", "creationTimestamp", "generateName")
        if key in metadata
    }
    body["metadata"]["labels"] = dict(labels)
    if metadata.get("annotations"):
        body["metadata"]["annotations"] = dict(metadata["annotations"])
    body["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "apps/v1",
            "blockOwnerDeletion": True,
            "controller": True,
            "kind": "ReplicaSet",
            "name": replica_set["metadata"]["name"],
            "uid": replica_set["metadata"]["uid"],
        }
    ]
    body["spec"] = clone(template["spec"])
    body["spec"].setdefault("serviceAccountName", "default")
    if pod["spec"].get("nodeName"):
        body["spec"]["nodeName"] = pod["spec"]["nodeName"]
    body["status"] = {"phase": "Pending", "qosClass": "Burstable"}
    started = at(pod, "status", "startTime")
    if moment(started) is not None:
        body["status"]["startTime"] = started
    created = put(cluster, "pods", body)
    kubelet.admit(cluster, created)
    return cluster.runs[created["metadata"]["uid"]]


def align(cluster: Cluster, dump: Dump) -> None:
    """Bring each pod to the phase of its restart loop in which the dump met it."""
    known = {pod["metadata"]["name"]: pod for pod in dump.each("pods")}
    for run in list(cluster.runs.values()):
        pod = known.get(run.pod["metadata"]["name"])
        if pod is None:
            continue
        status = status_of(pod, run.pod["spec"]["containers"][0]["name"])
        count = status.get("restartCount")
        if isinstance(count, int) and not isinstance(count, bool):
            run.restarts = max(run.restarts, count)
        _rephase(cluster, run, pod, status)
        begun = moment(at(status, "state", "running", "startedAt"))
        if run.life is not None and begun is not None and run.ready:
            program = run.life.program
            run.life.start = min(begun, cluster.now - (program.start if program else 0) - 1.0)
        if "nodeName" in run.pod["spec"]:
            podstatus.report(cluster, run)
    cluster.settle()


def _rephase(cluster: Cluster, run: PodRun, pod: Manifest, status: Manifest) -> None:
    """Bring a pod on to the phase that its container's status in the dump shows."""
    waiting = at(status, "state", "waiting", "reason")
    running = at(status, "state", "running") is not None
    ending = [timer for timer in _ENDING if timer in run.timers]
    if waiting == "CrashLoopBackOff" and run.stage is Stage.RUNNING and ending:
        _hasten(cluster, run, ending[0])
    if running and run.stage is Stage.CRASH_BACKOFF:
        _hasten(cluster, run, Timer.RESTART)
    if running and is_ready_in(pod) and Timer.READY in run.timers:
        _hasten(cluster, run, Timer.READY)
    if waiting == "ImagePullBackOff" and Timer.PULLED in run.timers:
        _hasten(cluster, run, Timer.PULLED)
    if waiting == "ErrImagePull" and run.stage is Stage.PULL_BACKOFF:
        _hasten(cluster, run, Timer.PULL_AGAIN)


def _hasten(cluster: Cluster, run: PodRun, timer: Timer) -> None:
    """Let a pod's timer be due now, before its others."""
    run.timers[timer] = min([cluster.now, *run.timers.values()]) - 1.0
    kubelet.wake(cluster, run)


def own(cluster: Cluster, workload: Workload) -> None:
    """Create the Deployment over the replica sets that already run."""
    body = clone(workload.deployment)
    body["status"] = {"conditions": body["status"].get("conditions") or []}
    body["metadata"].pop("ownerReferences", None)
    created = put(cluster, "deployments", body)
    for item in workload.sets:
        replica_set = cluster.store.get("replicasets", cluster.namespace, item["metadata"]["name"])
        if replica_set is None:
            continue
        replica_set["metadata"]["ownerReferences"] = [
            {
                "apiVersion": "apps/v1",
                "blockOwnerDeletion": True,
                "controller": True,
                "kind": "Deployment",
                "name": workload.name,
                "uid": created["metadata"]["uid"],
            }
        ]
        cluster.store.touch("replicasets", replica_set)
