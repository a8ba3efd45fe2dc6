"""The same seed gives the same bytes: in one process, in another, under any hash seed."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from agents.contracts.incident import Task
from agents.environments.simulated.benchmark.problems import PROBLEMS, balanced, scenario_of
from agents.environments.simulated.benchmark.registry import BENCHMARK
from agents.environments.simulated.incidents import Difficulty, generate
from agents.environments.simulated.lab import Lab
from agents.policy.parse import parse

PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); import {name} as t; print(t.digest(3))"
LINES = (
    "kubectl get all -o wide",
    "kubectl get pods -o yaml",
    "kubectl get events",
    "kubectl describe pods",
    "kubectl describe deployments",
    "kubectl describe nodes",
    "kubectl get endpoints",
    "kubectl top pods",
    "helm list",
)


def digest(count: int) -> str:
    """Return a digest over everything that some labs show."""
    state = sha256()
    scenarios = [generate(seed) for seed in range(count)]
    scenarios += [generate(5, split="B", difficulty=difficulty) for difficulty in Difficulty]
    scenarios += [scenario_of(problem) for problem in list(PROBLEMS)[::9]]
    scenarios += [balanced(1, family, Task.LOCALIZATION) for family in sorted(BENCHMARK)[::5]]
    for scenario in scenarios:
        lab = Lab(scenario)
        lab.tick(100)
        lines = list(LINES)
        lines += [
            f"kubectl logs deployment/{component.name} --tail=40"
            for component in lab.scenario.application.components
        ]
        for line in lines:
            state.update(lab.read(parse(line, default_namespace=lab.namespace)).text.encode())
        state.update(repr((lab.alerts(), lab.ground_truth)).encode())
    return state.hexdigest()


@pytest.mark.parametrize("hash_seed", ["0", "12345"])
def test_another_process_shows_the_same_bytes(hash_seed: str) -> None:
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name="test_lab_determinism"), here],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    assert done.stdout.strip() == digest(3)


def test_labs_are_independent() -> None:
    first, second = Lab(generate(4)), Lab(generate(4))
    read = parse("kubectl get pods -o yaml", default_namespace=first.namespace)
    before = second.read(read).text
    first.act(
        parse(f"kubectl delete service {first.scenario.service}", default_namespace=first.namespace)
    )
    first.tick(600)
    assert Lab(generate(4)).read(read).text == before
    assert second.clock < first.clock


def test_what_a_log_shows_does_not_depend_on_earlier_reads() -> None:
    often, once = Lab(generate(9)), Lab(generate(9))
    name = often.scenario.application.entry
    for tail in (1, 5, 50):
        often.cluster.advance(often.cluster.now)
        read = parse(
            f"kubectl logs deployment/{name} --tail={tail}", default_namespace=often.namespace
        )
        often.read(read)
    often_lines = often.read(
        parse(f"kubectl logs deployment/{name} --tail=3", default_namespace=often.namespace)
    ).text
    once.tick(3)
    assert (
        once.read(
            parse(f"kubectl logs deployment/{name} --tail=3", default_namespace=once.namespace)
        ).text
        == often_lines
    )


def test_different_seeds_give_different_incidents() -> None:
    assert len({generate(seed).application.namespace for seed in range(100)}) > 95
