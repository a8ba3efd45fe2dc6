"""Shares, intervals and the best constant, against what a few outcomes say on paper."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import pytest

from agents.contracts.incident import Task
from learner.evaluation.benchmark.outcomes import Choices, Outcome
from learner.evaluation.benchmark.scores import (
    Prices,
    best_constant,
    interval,
    report_of,
    reports,
    score_of,
    share,
)
from tests.doubles.outcomes import outcome


def report(outcomes: Sequence[Outcome], **more: Any) -> Any:
    values: dict[str, Any] = {"macro": False, "groups": {}, "prices": Prices()}
    return report_of(outcomes, **(values | more))


def test_one_problem_may_be_solved_first_on_average_or_ever() -> None:
    outcomes = [outcome("p", run, right=run == 2) for run in range(4)]
    outcomes += [outcome("q", run, right=run != 3) for run in range(4)]
    found = score_of(outcomes, lambda one: one.strict, macro=False)
    assert (found.avg_at_1, found.avg_at_k, found.best_at_k) == (1 / 2, 4 / 8, 1.0)
    assert (found.problems, found.episodes) == (2, 8)


def test_a_macro_share_counts_families_not_problems() -> None:
    cases = [("big", True)] * 9 + [("small", False)]
    assert share(cases, macro=False) == 0.9
    assert share(cases, macro=True) == 0.5


def test_no_problem_has_no_share() -> None:
    found = score_of([], lambda one: one.strict, macro=True)
    assert found.avg_at_1 is None
    assert found.intervals == {"avg_at_1": None, "avg_at_k": None, "best_at_k": None}


def test_an_interval_is_of_families_so_more_runs_do_not_narrow_it() -> None:
    few = [(f"f{number}", number % 2 == 0) for number in range(10)]
    low, high = interval(few, macro=False) or (0.0, 0.0)
    assert 0.1 <= low < 0.5 < high <= 0.9
    assert interval(few * 7, macro=False) == (low, high)


def test_an_interval_narrows_with_more_families() -> None:
    many = [(f"f{number:04}", number % 2 == 0) for number in range(400)]
    low, high = interval(many, macro=False) or (0.0, 0.0)
    # the normal approximation: 1.96 * sqrt(0.25 / 400)
    assert high - low == pytest.approx(2 * 0.049, rel=0.15)


def test_an_interval_does_not_depend_on_the_order_of_outcomes() -> None:
    cases = [(f"f{number % 7}", number % 3 == 0) for number in range(40)]
    assert interval(cases, macro=True) == interval(cases[::-1], macro=True)


def test_one_family_has_no_interval() -> None:
    assert interval([("f", True)] * 9, macro=False) is None


def test_the_strict_score_leaves_undecidable_problems_out_and_tells_of_them() -> None:
    outcomes = [outcome("p"), outcome("q", right=False, decidable=False)]
    found = report(outcomes)
    assert found.strict.problems == 1
    assert found.strict.avg_at_k == 1.0
    assert found.aiopslab.problems == 2
    assert found.aiopslab.avg_at_k == 0.5
    assert found.undecidable.problems == 1
    assert found.undecidable.avg_at_k == 0.0


def test_groups_and_task_types_hold_their_own_problems() -> None:
    outcomes = [outcome("p"), outcome("q", right=False, task=Task.ANALYSIS)]
    found = report(outcomes, groups={"seen": ("p", "elsewhere"), "none": ("x",)})
    assert found.groups.keys() == {"seen"}
    assert found.groups["seen"].strict.avg_at_k == 1.0
    assert found.aiopslab.tasks[Task.ANALYSIS].avg_at_k == 0.0
    assert found.families["f"].strict == {"all": 0.5, "detection": 1.0, "analysis": 0.0}


def test_steps_are_a_mean_and_tokens_cost_what_the_prices_say() -> None:
    outcomes = [
        outcome("p", steps=2, prompt_tokens=1_000_000, completion_tokens=10, forbidden=1),
        outcome("q", steps=5, prompt_tokens=500_000, completion_tokens=490, refused=2),
    ]
    took = report(outcomes, prices=Prices(per_million_in=2.0, per_million_out=1000.0)).took
    assert took.steps == fmean((2, 5))
    assert (took.prompt_tokens, took.completion_tokens) == (1_500_000, 500)
    assert (took.forbidden, took.refused) == (1, 2)
    assert took.cost == pytest.approx(3.0 + 0.5)


def drawn(problem: str, task: Task, right: Sequence[str], **more: Any) -> Outcome:
    accepted = Choices(count=9, aiopslab=tuple(right), strict=tuple(more.pop("strictly", right)))
    return outcome(problem, row="random", task=task, right=False, choices=accepted, **more)


def test_the_best_constant_is_the_answer_that_is_right_most_often() -> None:
    outcomes = [
        drawn("a", Task.LOCALIZATION, ("geo", "mongodb-geo")),
        drawn("b", Task.LOCALIZATION, ("user",)),
        drawn("c", Task.LOCALIZATION, ("user",)),
        drawn("d", Task.DETECTION, ("No",)),
        drawn("e", Task.MITIGATION, ()),
    ]
    found = {one.problem: one for one in best_constant(outcomes)}
    assert [found[name].aiopslab for name in "abcde"] == [False, True, True, True, False]
    assert found["b"].answer == "user"
    assert {one.row for one in found.values()} == {"best-constant"}


def test_each_verdict_has_a_best_constant_of_its_own() -> None:
    outcomes = [
        drawn("a", Task.LOCALIZATION, ("geo", "x"), strictly=("x",)),
        drawn("b", Task.LOCALIZATION, ("geo",), strictly=()),
        drawn("c", Task.LOCALIZATION, ("geo",), strictly=("geo",), decidable=False),
    ]
    found = {one.problem: one for one in best_constant(outcomes)}
    assert [found[name].aiopslab for name in "abc"] == [True, True, True]
    assert [found[name].strict for name in "ab"] == [True, False]


def test_the_chosen_row_stands_first_and_every_constant_after_it() -> None:
    outcomes = [
        outcome("p", row="do-nothing", right=False),
        drawn("p", Task.DETECTION, ("Yes",)),
        outcome("p", row="always-yes"),
        outcome("p", row="model"),
    ]
    found = reports(outcomes, macro=False, groups={}, prices=Prices())
    assert list(found) == ["model", "always-yes", "best-constant", "do-nothing", "random"]
    assert found["best-constant"].strict.avg_at_k == 1.0
