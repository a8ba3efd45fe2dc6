"""Every family in several labs: it alerts, shows its facts, accepts valid repairs and no others."""

from functools import cache

import pytest

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis, Submission, SubmitReason
from agents.environments.simulated import oracle
from agents.environments.simulated.alerts import RULES
from agents.environments.simulated.applications.deploy import objects_of
from agents.environments.simulated.faults.family import FAULT_TYPES, SYSTEM_LEVELS
from agents.environments.simulated.faults.registry import FAMILIES
from agents.environments.simulated.incidents import Scenario, generate
from agents.environments.simulated.lab import Lab
from agents.policy.actions import action_of
from agents.policy.parse import parse

SEEDS = range(2)
EVERY = pytest.mark.parametrize("family", sorted(FAMILIES))


@cache
def scenario(family: str, seed: int, task: Task = Task.MITIGATION) -> Scenario:
    return generate(seed, family=family, task=task)


def submit(task: Task, answer: str | tuple[str, ...] | Analysis | None = None) -> Submission:
    return Submission(task=task, reason=SubmitReason.ANSWERED, answer=answer)


def act(lab: Lab, line: str) -> int:
    return lab.act(parse(line, default_namespace=lab.namespace)).exit_code


def diagnose(lab: Lab) -> None:
    """Read what a careful engineer reads."""
    service = lab.scenario.service
    callers = lab.scenario.application.callers(service) or [lab.scenario.application.entry]
    for line in (
        "kubectl get pods",
        "kubectl get endpoints",
        "kubectl get deployments",
        "kubectl get events",
        "kubectl get networkpolicies",
        f"kubectl describe service {service}",
        f"kubectl describe deployment {service}",
        f"kubectl describe pods {service}",
        f"kubectl logs deployment/{callers[0]} --tail=30",
        f"kubectl logs deployment/{service} --tail=30",
    ):
        lab.read(parse(line, default_namespace=lab.namespace))


@EVERY
def test_a_fault_fires_its_alert_by_itself(family: str) -> None:
    for seed in SEEDS:
        lab = Lab(scenario(family, seed))
        (alert,) = lab.alerts()
        labels = alert["labels"]
        assert isinstance(labels, dict)
        assert labels["namespace"] == lab.namespace
        assert labels["aoi_task"] == "mitigation"
        lab.tick(3600)
        assert lab.alerts()


@EVERY
def test_its_facts_can_be_read_with_common_commands(family: str) -> None:
    for seed in SEEDS:
        lab = Lab(scenario(family, seed))
        assert lab.evidence_read() == set()
        diagnose(lab)
        assert lab.evidence_read() == {fact.name for fact in lab.ground_truth.evidence}


@EVERY
def test_a_healthy_twin_is_as_it_was_deployed(family: str) -> None:
    lab = Lab(generate(0, family=family, healthy=True))
    store = lab.cluster.store
    assert store.count("networkpolicies") == 0
    for kind, made in objects_of(lab.scenario.application):
        now = store.get(kind, lab.namespace, made["metadata"]["name"])
        assert now is not None
        if kind == "services":
            assert now["spec"] == made["spec"]
        if kind == "deployments":
            assert now["spec"]["replicas"] == made["spec"]["replicas"]
            before, after = (item["spec"]["template"]["spec"] for item in (made, now))
            for container in (before["containers"][0], after["containers"][0]):
                container.pop("env", None)  # finished rollouts add a variable
            assert after == before
    assert oracle.unhealthy(lab.cluster) is None


@EVERY
def test_only_the_right_answers_pass(family: str) -> None:
    truth = Lab(scenario(family, 0)).ground_truth
    lab = (
        Lab(scenario(family, 0, Task.DETECTION))
        if not scenario(family, 0, Task.DETECTION).healthy
        else Lab(generate(0, family=family, task=Task.DETECTION, healthy=False))
    )
    assert lab.judge(submit(Task.DETECTION, "yes ")).success
    assert not lab.judge(submit(Task.DETECTION, "No")).success
    assert not lab.judge(submit(Task.DETECTION, ("Yes",))).success
    lab = Lab(scenario(family, 0, Task.LOCALIZATION))
    assert truth.service is not None
    assert lab.judge(submit(Task.LOCALIZATION, (truth.service,))).success
    assert lab.judge(submit(Task.LOCALIZATION, truth.service)).success
    for wrong in ((), (truth.service, "other"), ("frontend-none",), None):
        assert not lab.judge(submit(Task.LOCALIZATION, wrong)).success
    lab = Lab(scenario(family, 0, Task.ANALYSIS))
    right = (truth.system_level, truth.fault_type)
    passed = [
        (level, kind)
        for level in SYSTEM_LEVELS
        for kind in FAULT_TYPES
        if lab.judge(submit(Task.ANALYSIS, Analysis(system_level=level, fault_type=kind))).success
    ]
    assert passed == [right]


@EVERY
def test_mitigation_passes_with_each_valid_repair_and_not_without(family: str) -> None:
    for seed in SEEDS:
        lab = Lab(scenario(family, seed))
        assert not lab.judge(submit(Task.MITIGATION)).success
        assert len(lab.ground_truth.repairs) >= 2
        for line in lab.ground_truth.repairs:
            mended = Lab(scenario(family, seed))
            action = action_of(parse(line, default_namespace=mended.namespace))
            assert mended.act(action).exit_code == 0
            assert mended.verify(action)[0]
            verdict = mended.judge(submit(Task.MITIGATION))
            assert verdict.strict, (line, verdict.reason)
            assert verdict.aiopslab


@EVERY
def test_the_previewed_rollback_leads_back_to_the_fault(family: str) -> None:
    for line in Lab(scenario(family, 1)).ground_truth.repairs:
        lab = Lab(scenario(family, 1))
        action = action_of(parse(line, default_namespace=lab.namespace))
        preview = lab.preview(action)
        assert preview.diff.startswith(("--- LIVE/", "--- "))
        assert preview.rollback is not None
        assert lab.versions(preview.touched) == preview.touched
        assert lab.act(action).exit_code == 0
        assert lab.versions(preview.touched) != preview.touched
        lab.tick(30)
        assert lab.act(preview.rollback).exit_code == 0
        assert not lab.judge(submit(Task.MITIGATION)).success


@EVERY
@pytest.mark.parametrize(
    "pseudo",
    [
        "kubectl delete service {service}",
        "kubectl delete deployment {service}",
        "kubectl scale deployment/{service} --replicas=0",
        f"kubectl delete configmap {RULES}",
        "kubectl rollout restart deployment/{service}",
        "kubectl delete pods {pod}",
        "kubectl scale deployment/{entry} --replicas=0",
    ],
)
def test_pseudo_repairs_fail(family: str, pseudo: str) -> None:
    lab = Lab(scenario(family, 2))
    pods = lab.cluster.pods_of(lab.scenario.service)
    line = pseudo.format(
        service=lab.scenario.service,
        entry=lab.scenario.application.entry,
        pod=pods[0]["metadata"]["name"] if pods else "none",
    )
    act(lab, line)
    assert not lab.judge(submit(Task.MITIGATION)).success


def test_a_repair_with_collateral_damage_is_not_strict() -> None:
    for damage in (
        "kubectl delete configmap {config}",
        f"kubectl delete configmap {RULES}",
        "kubectl cordon {node}",
        "kubectl delete service {other}",
    ):
        lab = Lab(scenario("scaled_to_zero", 0))
        application = lab.scenario.application
        assert act(lab, lab.ground_truth.repairs[0]) == 0
        others = [c.name for c in application.components if c.name != lab.scenario.service]
        line = damage.format(
            config=application.configs[0][0], node=application.nodes[0], other=others[-1]
        )
        assert act(lab, line) == 0
        assert not lab.judge(submit(Task.MITIGATION)).strict


@pytest.mark.parametrize("seed", range(6))
def test_a_healthy_twin_stays_healthy_for_an_hour(seed: int) -> None:
    lab = Lab(generate(seed, task=Task.DETECTION, healthy=True))
    assert lab.alerts()
    assert oracle.unhealthy(lab.cluster) is None
    lab.tick(3600)
    assert oracle.unhealthy(lab.cluster) is None
    assert not lab.alerts()
    assert lab.judge(submit(Task.DETECTION, "No")).success
    assert not lab.judge(submit(Task.DETECTION, "Yes")).success


def test_changing_a_healthy_system_is_not_strict() -> None:
    lab = Lab(generate(1, task=Task.DETECTION, healthy=True))
    entry = lab.scenario.application.entry
    assert act(lab, f"kubectl rollout restart deployment/{entry}") == 0
    verdict = lab.judge(submit(Task.DETECTION, "No"))
    assert verdict.aiopslab
    assert not verdict.strict


def test_half_of_the_detection_incidents_are_healthy() -> None:
    drawn = [generate(seed, task=Task.DETECTION).healthy for seed in range(200)]
    assert 80 < sum(drawn) < 120
    assert not any(generate(seed, task=Task.ANALYSIS).healthy for seed in range(50))
