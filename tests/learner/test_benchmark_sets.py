"""Which problems a set poses, and the benchmark's parts by count."""

from collections import Counter
from importlib.resources import files
from pathlib import Path

import orjson
import pytest

from agents.contracts.incident import Task
from agents.environments.simulated.benchmark.problems import PROBLEMS, tasks_of
from agents.environments.simulated.incidents import generate
from learner.evaluation.benchmark.sets import (
    BENCHMARK_RUNS,
    SEEDS,
    NoProblems,
    Origin,
    groups,
    problem_set,
)

KAFKA = "astronomy_shop_kafka_queue_problems-mitigation-1"


def test_the_paper_s_training_types_are_11_with_38_problems_and_48_are_unseen() -> None:
    text = files("agents.environments.simulated.benchmark").joinpath("groups.json").read_bytes()
    read = orjson.loads(text)
    assert len(read["training"]) == 11
    assert {name: len(ids) for name, ids in groups().items()} == {
        "training": 38,
        "unseen": 48,
        "paper": 86,
    }


def test_the_parts_are_the_benchmark_without_the_kafka_mitigation() -> None:
    assert set(groups()["paper"]) == set(PROBLEMS) - {KAFKA}
    assert not set(groups()["training"]) & set(groups()["unseen"])


def test_a_fault_type_is_in_one_part() -> None:
    parts: dict[str, set[str]] = {}
    for name in ("training", "unseen"):
        for problem in groups()[name]:
            known = PROBLEMS[problem]
            if known.family:
                parts.setdefault(known.family, set()).add(name)
    assert {family for family, names in parts.items() if len(names) > 1} == set()


def test_all_has_the_task_types_of_the_paper_and_one_more_mitigation() -> None:
    found = problem_set("all")
    assert Counter(one.task for one in found.posed) == {
        Task.DETECTION: 32,
        Task.LOCALIZATION: 28,
        Task.ANALYSIS: 13,
        Task.MITIGATION: 14,
    }
    assert found.usual_runs == BENCHMARK_RUNS
    assert not found.macro


def test_a_run_of_a_benchmark_problem_has_surroundings_of_its_own() -> None:
    (one, *_) = problem_set("unseen", seed=2).posed
    first, second = one.scenario(0), one.scenario(1)
    assert first.seed != second.seed
    assert (first.family, first.service, first.task) == (second.family, second.service, second.task)
    assert one.scenario(0) == first
    assert {one.seed_of(run) for run in range(5)}.isdisjoint(
        {problem_set("unseen", seed=3).posed[0].seed_of(run) for run in range(5)}
    )


def test_balanced_poses_every_family_and_task_equally_often() -> None:
    found = problem_set("balanced", seeds=3)
    families = {known.family for known in PROBLEMS.values() if known.family}
    counted = Counter((one.family, one.task) for one in found.posed)
    assert set(counted.values()) == {3}
    assert counted.keys() == {(family, task) for family in families for task in tasks_of(family)}
    assert found.macro
    assert len({one.name for one in found.posed}) == len(found.posed)


@pytest.mark.parametrize(("split", "families"), [("A", 8), ("B", 13), ("D", 2)])
def test_a_split_poses_fresh_incidents(split: str, families: int) -> None:
    found = problem_set(split, seeds=2)
    assert len(found.posed) == families * len(Task) * 2
    assert min(one.seed for one in found.posed) == SEEDS
    assert len({one.seed for one in found.posed}) == len(found.posed)
    one = found.posed[-1]
    assert one.scenario(0) == generate(one.seed, split=split, family=one.family, task=one.task)


def test_a_file_lists_references(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text(f"# ours\n\n{KAFKA}@4\nseed-7:split=B,task=analysis  # a store\n", "utf-8")
    problem, drawn = problem_set(str(path)).posed
    assert (problem.name, problem.origin, problem.seed) == (KAFKA, Origin.BENCHMARK, 4)
    wanted = generate(7, split="B", task=Task.ANALYSIS)
    assert drawn.scenario(3) == wanted
    assert (drawn.family, drawn.task) == (wanted.family, Task.ANALYSIS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "found none"),
        ("seed-1\nseed-1\n", "line 2.*second time"),
        ("seed-1\nno such thing\n", "line 2"),
    ],
)
def test_a_file_that_can_t_be_used_is_told_by_its_line(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "mine.txt"
    path.write_text(content, "utf-8")
    with pytest.raises(NoProblems, match=said):
        problem_set(str(path))


def test_an_unknown_set_is_told_what_there_is() -> None:
    with pytest.raises(NoProblems, match=r"all, training, unseen, paper, balanced, A, B, D"):
        problem_set("everything")


def test_other_problems_have_another_digest() -> None:
    digests = [
        problem_set("A", seeds=1).digest,
        problem_set("A", seeds=2).digest,
        problem_set("A", seed=1, seeds=1).digest,
        problem_set("all").digest,
        problem_set("all", seed=1).digest,
    ]
    assert len(set(digests)) == len(digests)
