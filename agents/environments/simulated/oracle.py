"""Who is right: judges an answer against the truth, and a mitigation against the state alone.

Invariant: mitigation never looks at what was done, only at what is; the strict verdict looks at
a copy of the cluster some minutes later, so that a symptom that merely pauses does not pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis, Submission
from agents.environments.simulated.benchmark.rules import passes
from agents.environments.simulated.clock import MINUTE
from agents.environments.simulated.cluster import thaw
from agents.environments.simulated.collateral.compare import damage, too_few
from agents.environments.simulated.collateral.reach import ANYONE, reach_of
from agents.environments.simulated.collateral.traffic import as_made_anew, worse_calls
from agents.environments.simulated.controllers.deployments import finished
from agents.environments.simulated.controllers.starting import environment_of
from agents.environments.simulated.faults.recurring import held, threats
from agents.environments.simulated.objects.pods import is_ready
from agents.environments.simulated.telemetry.metrics import Metric, average

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.incidents import GroundTruth

SETTLING = 9 * MINUTE
"""The longest back-off and the window of errors: a mended pod has had its next try by then."""
_TOLERATED = 0.005
_SLOWER = 2.0
_NOTHING = ("", "no", "none", "nothing", "healthy")
"""Words that name no service and no fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`success` is `strict`; `aiopslab` is what that benchmark's own rule would say."""

    success: bool
    aiopslab: bool
    strict: bool
    reason: str


def judge(
    cluster: Cluster,
    task: Task,
    truth: GroundTruth,
    submission: Submission,
    before: bytes,
    *,
    changed: bool,
) -> Verdict:
    """Return the verdict on a submission. `changed`: some write was done."""
    if task is Task.MITIGATION:
        return _judge_state(cluster, truth, before, needless=changed and not truth.anomaly)
    right, reason = _answer(task, truth, submission)
    strict = right and not (changed and not truth.anomaly)
    if right and not strict:
        reason = "a healthy system was changed"
    return Verdict(success=strict, aiopslab=right, strict=strict, reason=reason)


def _answer(task: Task, truth: GroundTruth, submission: Submission) -> tuple[bool, str]:
    """Return whether an answer is right, and what was expected in plain words."""
    answer = submission.answer
    if task is Task.DETECTION:
        wanted = "Yes" if truth.anomaly else "No"
        right = isinstance(answer, str) and answer.strip().lower() == wanted.lower()
        return right, _compared(wanted, _told(answer))
    if task is Task.LOCALIZATION:
        return _localized(truth, answer)
    if not truth.anomaly:
        return _is_nothing(answer), _compared("no fault", _told(answer))
    if not isinstance(answer, Analysis):
        return False, _compared("a level and a type of the fault", _told(answer))
    labels = (answer.system_level.strip().lower(), answer.fault_type.strip().lower())
    wanted_labels = [
        ((one.system_level or "").lower(), (one.fault_type or "").lower())
        for one in (truth, *truth.also)
    ]
    expected = " or ".join(f"{one.system_level} / {one.fault_type}" for one in (truth, *truth.also))
    return labels in wanted_labels, _compared(expected, _told(answer))


def _localized(truth: GroundTruth, answer: object) -> tuple[bool, str]:
    if answer is None and truth.service is None:
        return False, _compared("that no service is named", "no answer")
    given = (answer,) if isinstance(answer, str) else answer
    if _is_nothing(answer):
        given = ()
    if not isinstance(given, tuple):
        return False, _compared("names of services", _told(answer))
    services = truth.services
    if not services:
        return given == (), _compared("no service", _told(given))
    single = len(services) == 1 and len(given) == 1 and given[0] in truth.accepted
    right = single or (len(given) == len(services) and set(given) == set(services))
    return right, _compared(" and ".join(services), _told(given))


def _is_nothing(answer: object) -> bool:
    """Return whether an answer says that nothing is at fault."""
    if isinstance(answer, Analysis):
        answer = (answer.system_level, answer.fault_type)
    words = answer if isinstance(answer, tuple) else (answer,)
    return all(isinstance(w, str) and w.strip().lower() in _NOTHING for w in words)


def _compared(expected: str, got: str) -> str:
    return f"expected {expected}, got {got}"


def _told(answer: object) -> str:
    """Return an answer as a person would write it."""
    if isinstance(answer, Analysis):
        return f"{answer.system_level} / {answer.fault_type}"
    if answer is None:
        return "no answer"
    if isinstance(answer, tuple):
        return " and ".join(answer) or "no service"
    return str(answer) or "an empty answer"


def _judge_state(cluster: Cluster, truth: GroundTruth, before: bytes, *, needless: bool) -> Verdict:
    base = thaw(before)
    now = cluster.fork()
    settled = now.now + SETTLING
    problem = damage(base, now, reach_of(truth)) or too_few(base, now)
    if needless:
        problem = problem or "a healthy system was changed"
    benchmark = _within_a_minute(now, truth)
    problem = problem or (
        _recurs(base, cluster) if threats(cluster) else _worse(base, now, settled)
    )
    return Verdict(
        success=problem is None,
        aiopslab=benchmark,
        strict=problem is None,
        reason=problem or "all workloads and the traffic are healthy",
    )


def _worse(base: Cluster, now: Cluster, settled: float) -> str | None:
    """Let a copy come to rest; return what is worse in it than before, or None."""
    as_made_anew(now)
    now.advance(settled)
    return unhealthy(now) or too_few(base, now) or _ailing(base, now) or worse_calls(base, now)


def _recurs(base: Cluster, cluster: Cluster) -> str | None:
    """Return what is wrong while a fault that comes and goes is there, or is away, or None."""
    away = not any(flip.bad for flip in threats(cluster))
    for bad in (True, False):
        phase = cluster.fork()
        held(phase, bad=bad)
        problem = _worse(base, phase, phase.now + SETTLING)
        if problem and bad and away:
            return f"the fault is away at present and will come back: {problem}"
        if problem:
            return problem
    return None


def _within_a_minute(now: Cluster, truth: GroundTruth) -> bool:
    """Let up to a minute pass until the benchmark's own check is content; return whether it is."""
    for _ in range(13):
        if passes(now, truth.family, truth.service):
            return True
        now.advance(now.now + 5)
    return False


def _ailing(base: Cluster, now: Cluster) -> str | None:
    """Return which trouble of a process, or slowness, was not there before, or None."""
    if not base.epochs or not now.epochs:
        return None
    for uid, traffic in now.epochs[-1].pods.items():
        run = now.runs.get(uid)
        if traffic.own and run is not None:
            return f"pod {run.pod['metadata']['name']} still has trouble of its own"
    slow, was = now.epochs[-1].latency, base.epochs[-1].latency
    if slow > _SLOWER * was + 1.0:
        return f"requests take {slow:.0f} ms, {was:.0f} before"
    return None


def unhealthy_pods(cluster: Cluster) -> str | None:
    """Return why not every pod of the namespace is ready, or None."""
    for pod in cluster.store.listed("pods", cluster.namespace):
        if not is_ready(pod):
            return f"pod {pod['metadata']['name']} is not ready"
    return None


def unhealthy(cluster: Cluster) -> str | None:
    """Return what is wrong with workloads or traffic at present, or None."""
    for item in cluster.store.listed("deployments", cluster.namespace):
        if not finished(item):
            return f"deployment {item['metadata']['name']} is not rolled out"
    problem = unhealthy_pods(cluster)
    if problem:
        return problem
    problem = dangling(cluster)
    if problem:
        return problem
    errors = average(cluster, Metric.ERROR_RATIO, cluster.now - 3 * MINUTE, cluster.now)
    if errors > _TOLERATED:
        return f"{errors:.1%} of requests fail"
    return None


def dangling(cluster: Cluster) -> str | None:
    """Return a reference of a template that the next start of its pods would not find."""
    namespace = cluster.namespace
    for run in cluster.runs.values():
        pod = run.pod
        name = pod["metadata"]["name"]
        _, problem = environment_of(cluster, pod)
        if problem:
            return f"pod {name} could not start again: {problem}"
        account = pod["spec"].get("serviceAccountName", "default")
        if cluster.store.get("serviceaccounts", namespace, account) is None:
            return f"pod {name} could not start again: no service account {account}"
        for volume in pod["spec"].get("volumes", ()):
            claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if claim and cluster.store.get("persistentvolumeclaims", namespace, claim) is None:
                return f"pod {name} could not start again: no claim {claim}"
    return None


def collateral(base: Cluster, now: Cluster) -> str | None:
    """Return what was broken or lost where nobody knows what is at fault, or None."""
    return damage(base, now, ANYONE) or too_few(base, now)
