"""A pod's status in Kubernetes' JSON form, from what its kubelet knows.

Invariant: the only writer of a running pod's `status`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.clock import rfc3339
from agents.environments.simulated.controllers.process import Life, PodRun, Stage
from agents.environments.simulated.controllers.starting import full_reference
from agents.environments.simulated.dice import digits

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

_WAITING = {
    Stage.WAITING: "ContainerCreating",
    Stage.PULLING: "ContainerCreating",
    Stage.PULL_BACKOFF: "ImagePullBackOff",
    Stage.CONFIG_ERROR: "CreateContainerConfigError",
    Stage.CRASH_BACKOFF: "CrashLoopBackOff",
}


def go_duration(seconds: float) -> str:
    """Return `40s`, `2m40s`, `5m0s` as Go prints a duration."""
    whole = int(seconds)
    return f"{whole}s" if whole < 60 else f"{whole // 60}m{whole % 60}s"  # noqa: PLR2004 - seconds of a minute


def _container_id(run: PodRun, life: Life) -> str:
    uid = run.pod["metadata"]["uid"]
    return f"containerd://{digits(32, uid, life.start)}{digits(32, uid, life.start, 2)}"


def _image_id(image: str) -> str:
    repository = full_reference(image).rsplit(":", 1)[0]
    return f"{repository}@sha256:{digits(32, image)}{digits(32, image, 2)}"


def _terminated(run: PodRun, life: Life) -> Manifest:
    return {
        "containerID": _container_id(run, life),
        "exitCode": life.exit_code,
        "finishedAt": rfc3339(int(life.end or 0)),
        "reason": life.reason,
        "startedAt": rfc3339(int(life.start)),
    }


def _state(run: PodRun) -> Manifest:
    if run.life:
        return {"running": {"startedAt": rfc3339(int(run.life.start))}}
    if run.stage is Stage.CRASH_BACKOFF and run.nag is None:
        return {"terminated": _terminated(run, run.lives[-1])}
    reason = _WAITING.get(run.stage, "ContainerCreating")
    if run.stage is Stage.PULLING and run.attempts > 1:
        reason = "ErrImagePull"
    waiting: Manifest = {"reason": reason}
    if run.stage is Stage.PULL_BACKOFF:
        image = run.pod["spec"]["containers"][0]["image"]
        waiting["message"] = f'Back-off pulling image "{image}": ErrImagePull: {run.problem}'
    elif (run.stage is Stage.PULLING and run.attempts > 1) or (
        run.problem and run.stage in (Stage.CONFIG_ERROR, Stage.CRASH_BACKOFF)
    ):
        waiting["message"] = run.problem
    return {"waiting": waiting}


def _conditions(run: PodRun, stamp: str, name: str) -> list[Manifest]:
    before = {item["type"]: item for item in run.pod["status"].get("conditions", ())}
    up = run.life is not None
    unready = (
        {}
        if run.ready and up
        else {
            "message": f"containers with unready status: [{name}]",
            "reason": "ContainersNotReady",
        }
    )
    ready = "True" if run.ready and up else "False"
    found = []
    for kind, status, more in (
        ("PodReadyToStartContainers", "True", {}),
        ("Initialized", "True", {}),
        ("Ready", ready, unready),
        ("ContainersReady", ready, unready),
        ("PodScheduled", "True", {}),
    ):
        old = before.get(kind)
        same = old is not None and old["status"] == status
        found.append(
            {
                "lastProbeTime": None,
                "lastTransitionTime": old["lastTransitionTime"] if old and same else stamp,
                **more,
                "status": status,
                "type": kind,
            }
        )
    return found


def _beside(run: PodRun, main: Manifest, container: Manifest) -> Manifest:
    """Return the status of a further container, which runs as long as the pod's own does."""
    return {
        **main,
        "containerID": f"containerd://{digits(32, run.pod['metadata']['uid'], container['name'])}"
        if run.lives
        else "",
        "image": full_reference(container["image"]),
        "imageID": _image_id(container["image"]) if run.lives else "",
        "name": container["name"],
    }


def report(cluster: Cluster, run: PodRun) -> None:
    """Write the pod's status and mark the pod."""
    pod, stamp = run.pod, cluster.stamp()
    container = pod["spec"]["containers"][0]
    image, name = container["image"], container["name"]
    up = run.life is not None
    entry: Manifest = {
        "containerID": _container_id(run, run.lives[-1]) if run.lives else "",
        "image": full_reference(image),
        "imageID": _image_id(image) if run.lives else "",
        "lastState": {},
        "name": name,
        "ready": run.ready and up,
        "restartCount": run.restarts,
        "started": up,
        "state": _state(run),
    }
    ended = [life for life in run.lives if life.end is not None]
    if "terminated" in entry["state"]:
        ended = ended[:-1]
    if ended:
        entry["lastState"] = {"terminated": _terminated(run, ended[-1])}
    node = cluster.store.get("nodes", "", pod["spec"]["nodeName"])
    host = node["status"]["addresses"][0]["address"] if node else ""
    status: Manifest = {
        "conditions": _conditions(run, stamp, name),
        "containerStatuses": [
            entry,
            *(_beside(run, entry, c) for c in pod["spec"]["containers"][1:]),
        ],
        "hostIP": host,
        "phase": "Running" if run.lives else "Pending",
        "podIP": run.address,
        "podIPs": [{"ip": run.address}],
        "qosClass": "Burstable",
        "startTime": pod["status"].get("startTime", stamp),
    }
    if not run.lives and run.stage is Stage.PULLING and run.attempts <= 1:
        del status["podIP"], status["podIPs"]
    pod["status"] = status
    cluster.store.touch("pods", pod)
