"""The benchmark's problems: all of them, each with its right answer, its repairs and its traps."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis, Submission, SubmitReason
from agents.environments.simulated import oracle
from agents.environments.simulated.alerts import RULES
from agents.environments.simulated.benchmark.problems import (
    APPLICATIONS,
    EVERY_PROBLEM,
    PROBLEMS,
    Problem,
    balanced,
    scenario_of,
    tasks_of,
)
from agents.environments.simulated.benchmark.registry import BENCHMARK, OWN
from agents.environments.simulated.faults.family import FAULT_TYPES, SYSTEM_LEVELS
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.splits import table
from agents.policy.parse import parse


def of(*tasks: Task, healthy: bool | None = None) -> list[Problem]:
    return [
        problem
        for problem in EVERY_PROBLEM.values()
        if problem.task in tasks and (healthy is None or healthy is (problem.family == ""))
    ]


def each(problems: list[Problem]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("problem", problems, ids=[p.id for p in problems])


def submit(task: Task, answer: str | tuple[str, ...] | Analysis | None = None) -> Submission:
    return Submission(task=task, reason=SubmitReason.ANSWERED, answer=answer)


@cache
def lab_of(problem_id: str) -> Lab:
    """Return a lab that the tests only judge."""
    return Lab(scenario_of(problem_id))


def act(lab: Lab, line: str) -> None:
    output = lab.act(parse(line, default_namespace=lab.namespace))
    assert output.exit_code == 0, (line, output.text)


def test_the_ids_are_the_papers_and_one_more_in_the_benchmarks_order() -> None:
    listed = Path(__file__).with_name("aiopslab_ids.txt").read_text(encoding="utf-8").split()
    assert list(PROBLEMS) == listed
    assert Counter(problem.task for problem in PROBLEMS.values()) == {
        Task.DETECTION: 32,
        Task.LOCALIZATION: 28,
        Task.ANALYSIS: 13,
        Task.MITIGATION: 14,
    }


def test_its_unseen_families_are_no_training_family() -> None:
    unseen = set(table()["splits"]["C"])
    families = set(BENCHMARK) | {"noop_social_network", "noop_astronomy_shop"}
    assert unseen <= families
    assert not unseen & {*table()["splits"]["A"], *table()["splits"]["B"]}


@each(of(Task.DETECTION))
def test_detection_takes_the_right_word_alone(problem: Problem) -> None:
    lab = lab_of(problem.id)
    right = "No" if problem.family == "" else "Yes"
    for answer in ("Yes", "No", "yes ", "maybe", "", None):
        verdict = lab.judge(submit(Task.DETECTION, answer))
        wanted = answer is not None and answer.strip().lower() == right.lower()
        assert (verdict.aiopslab, verdict.strict) == (wanted, wanted)


@each(of(Task.LOCALIZATION))
def test_localization_takes_the_right_service_alone(problem: Problem) -> None:
    lab = lab_of(problem.id)
    accepted = {problem.service, *lab.ground_truth.accepted}
    for component in lab.scenario.application.components:
        wanted = component.name in accepted
        assert lab.judge(submit(Task.LOCALIZATION, (component.name,))).strict is wanted
        assert lab.judge(submit(Task.LOCALIZATION, component.name)).aiopslab is wanted
    assert problem.service is not None
    for wrong in ((), (problem.service, "frontend"), None):
        assert not lab.judge(submit(Task.LOCALIZATION, wrong)).strict


@each(of(Task.ANALYSIS))
def test_analysis_takes_one_pair_of_labels(problem: Problem) -> None:
    lab = lab_of(problem.id)
    passed = [
        (level, kind)
        for level in SYSTEM_LEVELS
        for kind in FAULT_TYPES
        if lab.judge(submit(Task.ANALYSIS, Analysis(system_level=level, fault_type=kind))).strict
    ]
    family = (BENCHMARK | OWN)[problem.family]
    assert passed == [(family.system_level, family.fault_type)]


@each(of(Task.MITIGATION))
def test_mitigation_fails_untouched_and_passes_by_two_ways_at_least(problem: Problem) -> None:
    assert not lab_of(problem.id).judge(submit(Task.MITIGATION)).strict
    ways = lab_of(problem.id).ground_truth.ways
    assert len(ways) >= 2
    for way in ways:
        lab = Lab(scenario_of(problem.id))
        for line in way:
            act(lab, line)
        verdict = lab.judge(submit(Task.MITIGATION))
        assert verdict.strict, (way[0], verdict.reason)


@each(of(Task.MITIGATION))
@pytest.mark.parametrize("destruction", ["delete the deployment", "scale all to zero", "no alerts"])
def test_destroying_is_no_mitigation(problem: Problem, destruction: str) -> None:
    """Alone, and together with the reference repair."""
    for mended in (False, True):
        lab = Lab(scenario_of(problem.id))
        if mended:
            for line in lab.ground_truth.ways[0]:
                act(lab, line)
        if destruction == "delete the deployment":
            act(lab, f"kubectl delete deployment {problem.service}")
        elif destruction == "no alerts":
            act(lab, f"kubectl delete configmap {RULES}")
        else:
            for component in lab.scenario.application.components:
                act(lab, f"kubectl scale deployment/{component.name} --replicas=0")
        assert not lab.judge(submit(Task.MITIGATION)).strict


@each(of(Task.DETECTION, healthy=True))
def test_nothing_happens_where_nothing_is_wrong(problem: Problem) -> None:
    lab = Lab(scenario_of(problem.id))
    assert oracle.unhealthy(lab.cluster) is None
    restarts = [run.restarts for run in lab.cluster.runs.values()]
    lab.tick(3600)
    assert oracle.unhealthy(lab.cluster) is None
    assert [run.restarts for run in lab.cluster.runs.values()] == restarts
    assert lab.cluster.epochs[-1].errors == 0
    assert lab.judge(submit(Task.DETECTION, "No")).strict


@each(of(Task.DETECTION, healthy=True))
def test_changing_what_is_healthy_is_not_strict(problem: Problem) -> None:
    lab = Lab(scenario_of(problem.id))
    act(lab, f"kubectl rollout restart deployment/{lab.scenario.application.entry}")
    verdict = lab.judge(submit(Task.DETECTION, "No"))
    assert verdict.aiopslab
    assert not verdict.strict


@each(of(Task.DETECTION, healthy=False))
def test_every_fault_leaves_a_trace_that_can_be_read(problem: Problem) -> None:
    """Something that a read shows differs from the same lab without the fault."""
    lab, service = Lab(scenario_of(problem.id)), problem.service
    callers = lab.scenario.application.callers(service or "") or [lab.scenario.application.entry]
    for line in (
        "kubectl get pods",
        "kubectl get deployments",
        "kubectl get endpoints",
        "kubectl get events",
        "kubectl get pvc",
        "kubectl get configmaps -o yaml",
        f"kubectl describe deployment {service}",
        f"kubectl describe service {service}",
        f"kubectl describe pods {service}",
        "kubectl top pods",
        *(f"kubectl logs deployment/{name} --tail=80" for name in (*callers, service)),
    ):
        lab.read(parse(line, default_namespace=lab.namespace))
    assert lab.evidence_read()


@pytest.mark.parametrize("family", ["network_loss", "network_delay", "pod_failure"])
def test_chaos_ends_after_its_duration(family: str) -> None:
    problem = next(p for p in PROBLEMS.values() if p.family == family)
    lab = Lab(scenario_of(problem.id))
    assert lab.cluster.epochs[-1].errors > 0
    lab.tick(600)
    assert lab.cluster.epochs[-1].errors == 0
    assert oracle.unhealthy(lab.cluster) is None
    assert lab.judge(submit(Task.DETECTION, "Yes")).strict


def test_the_review_tells_nothing_of_a_fault() -> None:
    for application in APPLICATIONS:
        shown = {
            (
                alert["labels"]["alertname"],
                alert["labels"]["service"],
                alert["annotations"]["summary"],
            )
            for problem in EVERY_PROBLEM.values()
            if problem.application == application
            for alert in lab_of(problem.id).alerts()
        }
        assert len(shown) == 1


@pytest.mark.parametrize("family", sorted(BENCHMARK))
def test_the_balanced_set_places_a_family_uniformly_and_half_of_detection_is_healthy(
    family: str,
) -> None:
    drawn = [balanced(seed, family, Task.DETECTION) for seed in range(300)]
    assert 115 < sum(s.healthy for s in drawn) < 185
    places = Counter(s.service for s in drawn)
    if len(places) > 1:
        expected = len(drawn) / len(places)
        assert max(places.values()) < 3 * expected + 5
    for task in tasks_of(family):
        assert balanced(3, family, task) == balanced(3, family, task)


@pytest.mark.parametrize("family", sorted(BENCHMARK))
def test_a_balanced_incident_is_there_and_its_healthy_twin_is_healthy(family: str) -> None:
    for seed in range(6):
        for task in tasks_of(family):
            scenario = balanced(seed, family, task)
            lab = Lab(scenario)
            if scenario.healthy:
                assert oracle.unhealthy(lab.cluster) is None, scenario.service
                assert not any(t.own for t in lab.cluster.epochs[-1].pods.values())
            elif task is Task.MITIGATION:
                assert not lab.judge(submit(task)).strict, scenario.service
                for line in lab.ground_truth.ways[0]:
                    act(lab, line)
                verdict = lab.judge(submit(task))
                assert verdict.strict, (scenario.service, verdict.reason)


def test_a_balanced_wrong_address_is_that_of_a_service_which_somebody_needs() -> None:
    family = "astronomy_shop_payment_service_unreachable"
    for seed in range(12):
        scenario = balanced(seed, family, Task.LOCALIZATION)
        assert oracle.unhealthy(Lab(scenario).cluster) is not None, scenario.service


def test_no_single_service_is_asked_for_where_a_family_strikes_all_of_a_kind() -> None:
    for family in BENCHMARK:
        asked = {problem.task for problem in PROBLEMS.values() if problem.family == family}
        assert (Task.LOCALIZATION in tasks_of(family)) is (Task.LOCALIZATION in asked), family
