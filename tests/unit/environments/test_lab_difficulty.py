"""Harder incidents: red herrings, faults that come and go, several at once."""

import pytest

from agents.contracts.incident import Task
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.simulated.faults.recurring import threatened
from agents.environments.simulated.incidents import Difficulty, Scenario, generate
from agents.environments.simulated.lab import Lab
from agents.policy.parse import parse

SEEDS = range(8)
HARDER = pytest.mark.parametrize("difficulty", [d for d in Difficulty if d is not Difficulty.PLAIN])


def incident(seed: int, difficulty: Difficulty, task: Task = Task.MITIGATION) -> Scenario:
    return generate(seed, split="B", task=task, difficulty=difficulty)


def submit(task: Task, answer: str | tuple[str, ...] | None = None) -> Submission:
    return Submission(task=task, reason=SubmitReason.ANSWERED, answer=answer)


def act(lab: Lab, line: str) -> None:
    assert lab.act(parse(line, default_namespace=lab.namespace)).exit_code == 0


@HARDER
def test_it_fires_fails_untouched_and_can_be_mended(difficulty: Difficulty) -> None:
    for seed in SEEDS:
        lab = Lab(incident(seed, difficulty))
        assert lab.alerts()
        assert not lab.judge(submit(Task.MITIGATION)).strict
        for truth in (lab.ground_truth, *lab.ground_truth.also):
            act(lab, truth.ways[0][0])
        verdict = lab.judge(submit(Task.MITIGATION))
        assert verdict.strict, (seed, verdict.reason)


def test_plain_incidents_are_drawn_as_without_a_difficulty() -> None:
    for seed in SEEDS:
        assert generate(seed) == generate(seed, difficulty=Difficulty.PLAIN)


def test_mending_one_of_two_faults_is_not_enough() -> None:
    pairs = [incident(seed, Difficulty.SEVERAL) for seed in range(20)]
    pairs = [scenario for scenario in pairs if scenario.also]
    assert len(pairs) > 10
    for scenario in pairs:
        lab = Lab(scenario)
        act(lab, lab.ground_truth.repairs[0])
        assert not lab.judge(submit(Task.MITIGATION)).strict


def test_localization_of_two_faults_wants_both() -> None:
    scenario = next(s for s in (incident(n, Difficulty.SEVERAL) for n in range(20)) if s.also)
    lab = Lab(incident(scenario.seed, Difficulty.SEVERAL, Task.LOCALIZATION))
    one, other = lab.ground_truth.services
    assert lab.judge(submit(Task.LOCALIZATION, (other, one))).strict
    for wrong in ((one,), (other,), (one, one), ()):
        assert not lab.judge(submit(Task.LOCALIZATION, wrong)).strict


def test_a_fault_that_comes_and_goes_is_away_for_a_while_and_comes_back() -> None:
    for seed in SEEDS:
        lab = Lab(incident(seed, Difficulty.RECURRING))
        assert threatened(lab.cluster)
        seen = set()
        for _ in range(120):
            lab.tick(30)
            seen.add(lab.cluster.epochs[-1].errors > 0.01)
        assert seen == {True, False}


def test_what_somebody_mended_does_not_come_back() -> None:
    for seed in SEEDS:
        lab = Lab(incident(seed, Difficulty.RECURRING))
        act(lab, lab.ground_truth.repairs[0])
        assert not threatened(lab.cluster)
        lab.tick(3600)
        assert lab.judge(submit(Task.MITIGATION)).strict


def test_herrings_have_a_cause_that_can_be_seen() -> None:
    seen = set()
    for seed in range(20):
        lab = Lab(incident(seed, Difficulty.NOISY))
        text = "".join(
            lab.read(parse(line, default_namespace=lab.namespace)).text
            for line in ("kubectl get pods", "kubectl get deployments -o yaml")
        )
        seen |= {"restart"} if "restartedAt" in text else set()
        seen |= {"crash"} if "(3" in text or "(2" in text else set()
        seen |= {"stale alert"} if len(lab.alerts()) > 1 else set()
    assert seen == {"restart", "crash", "stale alert"}
