"""Who is right: judges an answer against the truth, and a mitigation against the state alone.

Invariant: mitigation never looks at what was done, only at what is; the strict verdict looks at
a copy of the cluster some minutes later, so that a symptom that merely pauses does not pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis, Submission
from agents.environments.simulated.alerts import rules_of
from agents.environments.simulated.benchmark.rules import passes
from agents.environments.simulated.clock import MINUTE
from agents.environments.simulated.cluster import thaw
from agents.environments.simulated.controllers.deployments import finished
from agents.environments.simulated.controllers.starting import environment_of
from agents.environments.simulated.faults.recurring import threatened
from agents.environments.simulated.objects.pods import is_ready
from agents.environments.simulated.telemetry.metrics import Metric, average

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.incidents import GroundTruth
    from agents.environments.simulated.objects.kinds import Manifest

SETTLING = 9 * MINUTE
"""The longest back-off and the window of errors: a mended pod has had its next try by then."""
_KEPT = (
    "deployments",
    "services",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "persistentvolumeclaims",
    "networkpolicies",
    "namespaces",
    "nodes",
)
_TOLERATED = 0.005
_SLOWER = 2.0
_GUARDS = ("readinessProbe", "livenessProbe")


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
        return _judge_state(cluster, truth, before)
    right, reason = _answer(task, truth, submission)
    strict = right and not (changed and not truth.anomaly)
    if right and not strict:
        reason = "a healthy system was changed"
    return Verdict(success=strict, aiopslab=right, strict=strict, reason=reason)


def _answer(task: Task, truth: GroundTruth, submission: Submission) -> tuple[bool, str]:
    answer = submission.answer
    if task is Task.DETECTION:
        wanted = "yes" if truth.anomaly else "no"
        if not isinstance(answer, str):
            return False, f"expected Yes or No, got {answer!r}"
        return answer.strip().lower() == wanted, f"expected {wanted}, got {answer}"
    if task is Task.LOCALIZATION:
        given = (answer,) if isinstance(answer, str) else answer
        if not isinstance(given, tuple):
            return False, f"expected services, got {answer!r}"
        if truth.service is None:
            return given == (), f"expected no service, got {given}"
        services = truth.services
        single = len(services) == 1 and len(given) == 1 and given[0] in truth.accepted
        right = single or (len(given) == len(services) and set(given) == set(services))
        return right, f"expected {services}, got {given}"
    if not isinstance(answer, Analysis):
        return False, f"expected an analysis, got {answer!r}"
    labels = (answer.system_level.strip().lower(), answer.fault_type.strip().lower())
    wanted_labels = [
        ((one.system_level or "").lower(), (one.fault_type or "").lower())
        for one in (truth, *truth.also)
    ]
    return labels in wanted_labels, f"expected {truth.system_level} / {truth.fault_type}"


def _judge_state(cluster: Cluster, truth: GroundTruth, before: bytes) -> Verdict:
    base = thaw(before)
    now = cluster.fork()
    settled = now.now + SETTLING
    problem = collateral(base, now)
    benchmark = _within_a_minute(now, truth)
    if problem is None:
        now.advance(settled)
        problem = unhealthy(now) or _ailing(base, now)
    if problem is None and threatened(now):
        problem = "the fault is away at present and will come back"
    return Verdict(
        success=problem is None,
        aiopslab=benchmark,
        strict=problem is None,
        reason=problem or "all workloads and the traffic are healthy",
    )


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
    """Return what was broken or lost beside the fault, or None."""
    for kind in _KEPT:
        for item in base.store.listed(kind):
            name = item["metadata"]["name"]
            present = now.store.get(kind, item["metadata"].get("namespace", ""), name)
            if present is None:
                return f"{kind}/{name} is gone"
            problem = _weakened(kind, item, present)
            if problem:
                return problem
    if rules_of(now) != rules_of(base):
        return "the alert rules were changed"
    return None


def _weakened(kind: str, base: Manifest, now: Manifest) -> str | None:
    name = base["metadata"]["name"]
    if (
        kind == "nodes"
        and now["spec"].get("unschedulable")
        and not base["spec"].get("unschedulable")
    ):
        return f"node {name} is cordoned"
    if kind in ("configmaps", "secrets"):
        lost = (base.get("data") or {}).keys() - (now.get("data") or {}).keys()
        return f"{kind}/{name} lost {sorted(lost)}" if lost else None
    if kind == "networkpolicies" and base["spec"] != now["spec"]:
        return f"networkpolicy {name} was changed"
    if kind == "services":
        return _weakened_service(base, now)
    if kind == "deployments":
        return _weakened_deployment(base, now)
    return None


def _weakened_service(base: Manifest, now: Manifest) -> str | None:
    name = base["metadata"]["name"]
    lost = {p["port"] for p in base["spec"]["ports"]} - {p["port"] for p in now["spec"]["ports"]}
    if lost:
        return f"service {name} lost port {sorted(lost)}"
    if base["spec"].get("type") != now["spec"].get("type"):
        return f"service {name} changed its type"
    return None


def _weakened_deployment(base: Manifest, now: Manifest) -> str | None:
    name = base["metadata"]["name"]
    if now["spec"]["replicas"] < base["spec"]["replicas"]:
        return f"deployment {name} has fewer replicas than before"
    old = {c["name"]: c for c in base["spec"]["template"]["spec"]["containers"]}
    new = {c["name"]: c for c in now["spec"]["template"]["spec"]["containers"]}
    if old.keys() != new.keys():
        return f"deployment {name} has other containers than before"
    for key, container in old.items():
        lost = [guard for guard in _GUARDS if guard in container and guard not in new[key]]
        limits = (container.get("resources") or {}).get("limits") or {}
        kept = (new[key].get("resources") or {}).get("limits") or {}
        lost += [f"{limit} limit" for limit in sorted(limits) if limit not in kept]
        if lost:
            return f"deployment {name} lost its {', '.join(lost)}"
    return None
