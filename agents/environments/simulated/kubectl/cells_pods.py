"""The columns of pods: STATUS and RESTARTS as the API server's table printer derives them."""

from agents.environments.simulated.clock import age, seconds_of
from agents.environments.simulated.kubectl.cells import NONE, Columns, age_of
from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.pods import is_ready


def _ended(state: Manifest) -> str:
    ended = state["terminated"]
    if ended.get("reason"):
        return str(ended["reason"])
    if ended.get("signal"):
        return f"Signal:{ended['signal']}"
    return f"ExitCode:{ended['exitCode']}"


def _initializing(pod: Manifest) -> str | None:
    """Return the STATUS of a pod whose init containers have not all ended well, or None."""
    statuses = pod["status"].get("initContainerStatuses") or ()
    for index, status in enumerate(statuses):
        state = status["state"]
        if "terminated" in state:
            if state["terminated"]["exitCode"] == 0:
                continue
            return f"Init:{_ended(state)}"
        reason = (state.get("waiting") or {}).get("reason")
        if reason and reason != "PodInitializing":
            return f"Init:{reason}"
        return f"Init:{index}/{len(pod['spec'].get('initContainers') or ())}"
    return None


def pod_status(pod: Manifest) -> str:
    """Return the STATUS column of a pod."""
    reason = _initializing(pod)
    if reason is None:
        reason = _reason(pod)
    finished = pod["status"]["phase"] in ("Succeeded", "Failed")
    if pod["metadata"].get("deletionTimestamp") and not finished:
        return "Terminating"
    return reason


def _reason(pod: Manifest) -> str:
    """Return what the first container with something to say is about."""
    reason = str(pod["status"].get("reason") or pod["status"]["phase"])
    running, failed = False, ""
    for status in reversed(pod["status"].get("containerStatuses") or ()):
        state = status["state"]
        if (state.get("waiting") or {}).get("reason"):
            reason = str(state["waiting"]["reason"])
        elif "terminated" in state:
            reason = _ended(state)
            failed = reason if state["terminated"]["exitCode"] else failed
        elif status["ready"] and "running" in state:
            running = True
    if reason != "Completed":
        return reason
    if running:
        return "Running" if is_ready(pod) else failed or "NotReady"
    return failed or reason


def _restarts(pod: Manifest, now: float) -> str:
    statuses = pod["status"].get("containerStatuses", ())
    count = sum(status["restartCount"] for status in statuses)
    ends = [
        status["lastState"]["terminated"]["finishedAt"]
        for status in statuses
        if "terminated" in (status.get("lastState") or {})
    ]
    return f"{count} ({age(now - seconds_of(max(ends)))} ago)" if count and ends else str(count)


def _pod(pod: Manifest, now: float) -> list[str]:
    total = len(pod["spec"]["containers"])
    ready = sum(
        status["ready"] and "running" in status["state"]
        for status in pod["status"].get("containerStatuses", ())
    )
    return [
        pod["metadata"]["name"],
        f"{ready}/{total}",
        pod_status(pod),
        _restarts(pod, now),
        age_of(pod, now),
    ]


def _pod_wide(pod: Manifest, _now: float) -> list[str]:
    return [pod["status"].get("podIP", NONE), pod["spec"].get("nodeName", NONE), NONE, NONE]


PODS = Columns(
    header=("NAME", "READY", "STATUS", "RESTARTS", "AGE"),
    cells=_pod,
    wide=("IP", "NODE", "NOMINATED NODE", "READINESS GATES"),
    wide_cells=_pod_wide,
)
