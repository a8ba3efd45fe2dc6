"""Rows on lab problems: constants earn what arithmetic says, however many processes play them."""

import asyncio
import math
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agents.contracts.incident import Task
from agents.environments.simulated.benchmark.problems import PROBLEMS
from agents.environments.simulated.lab import Lab
from agents.models.protocol import ModelUnavailable
from agents.models.scripted import ScriptedModel
from learner.evaluation.benchmark import run as running
from learner.evaluation.benchmark.agents import ModelAgent, Recipe, Row, agent_of, valid_answers
from learner.evaluation.benchmark.evaluation import gathered, settings_of, total
from learner.evaluation.benchmark.journal import Journal
from learner.evaluation.benchmark.outcomes import Outcome
from learner.evaluation.benchmark.run import Job, missing, play, play_constants, played
from learner.evaluation.benchmark.scores import best_constant
from learner.evaluation.benchmark.sets import Posed, ProblemSet, problem_set
from tests.doubles.endpoint import serving

EXPERT = Recipe(row=Row.EXPERT)
NOTHING = Recipe(row=Row.DO_NOTHING)
SUBMIT = '{"summary": "done", "confidence": 50, "action": "submit", "answer": "Yes"}'


def probe(line: str) -> str:
    return f'{{"summary": "", "action": "probe", "command": "{line}"}}'


def rows_of(problems: ProblemSet, recipe: Recipe, runs: int = 1) -> list[Outcome]:
    batches = missing(problems, runs, recipe, {})
    return [one for outcomes in played(batches, processes=1) for one in outcomes]


def of_row(outcomes: Iterable[Outcome], row: Row, task: Task) -> list[Outcome]:
    return [one for one in outcomes if one.row == row and one.task is task]


def with_task(problems: ProblemSet, task: Task) -> Posed:
    return next(one for one in problems.posed if one.task is task)


@pytest.fixture(scope="module")
def drawn() -> ProblemSet:
    """Give two incidents of every family of B and every task."""
    return problem_set("B", seeds=3)


@pytest.fixture(scope="module")
def constants(drawn: ProblemSet) -> list[Outcome]:
    return rows_of(drawn, NOTHING)


# what constants earn, by arithmetic on the set itself


def test_detection_of_constants_is_the_share_of_anomalies(
    drawn: ProblemSet, constants: Sequence[Outcome]
) -> None:
    healthy = [one.scenario(0).healthy for one in drawn.posed if one.task is Task.DETECTION]
    yes = of_row(constants, Row.ALWAYS_YES, Task.DETECTION)
    no = of_row(constants, Row.DO_NOTHING, Task.DETECTION)
    assert 0 < sum(healthy) < len(healthy)
    assert sum(one.strict for one in yes) == len(healthy) - sum(healthy)
    assert sum(one.strict for one in no) == sum(healthy)


def test_localization_of_always_yes_is_the_share_of_alerts_that_name_the_cause(
    drawn: ProblemSet, constants: Sequence[Outcome]
) -> None:
    wanted = {}
    for one in drawn.posed:
        if one.task is Task.LOCALIZATION:
            scenario = one.scenario(0)
            wanted[one.name] = scenario.service == scenario.application.entry
    found = {one.problem: one for one in of_row(constants, Row.ALWAYS_YES, Task.LOCALIZATION)}
    assert {name: one.strict for name, one in found.items()} == wanted


def test_analysis_of_always_yes_is_the_share_of_its_labels(
    drawn: ProblemSet, constants: Sequence[Outcome]
) -> None:
    labels = ("Application", "Misconfiguration")
    wanted = {}
    for one in drawn.posed:
        if one.task is Task.ANALYSIS:
            truth = Lab(one.scenario(0)).ground_truth
            wanted[one.name] = (truth.system_level, truth.fault_type) == labels
    found = {one.problem: one for one in of_row(constants, Row.ALWAYS_YES, Task.ANALYSIS)}
    assert {name: one.strict for name, one in found.items()} == wanted
    assert 0 < sum(wanted.values()) < len(wanted)


def test_nothing_is_repaired_by_a_constant(constants: Sequence[Outcome]) -> None:
    for row in (Row.ALWAYS_YES, Row.DO_NOTHING, Row.RANDOM):
        assert not any(one.strict for one in of_row(constants, row, Task.MITIGATION))


@pytest.mark.parametrize("task", [Task.DETECTION, Task.LOCALIZATION, Task.ANALYSIS])
def test_random_earns_what_chance_gives(drawn: ProblemSet, task: Task) -> None:
    runs = 6
    posed = [one for one in drawn.posed if one.task is task]
    outcomes = [
        one
        for run in range(runs)
        for problem in posed
        for one in play_constants(Job(posed=problem, run=run))
    ]
    chances = [_chance(one) for one in posed for _ in range(runs)]
    found = sum(one.strict for one in of_row(outcomes, Row.RANDOM, task))
    deviation = math.sqrt(sum(chance * (1 - chance) for chance in chances))
    # 4.5 standard deviations: one set in 150,000 would lie outside
    assert abs(found - sum(chances)) < 4.5 * deviation
    assert 0 < found < len(chances)


def _chance(posed: Posed) -> float:
    """Return the chance of a random answer, from the lab and not from the harness."""
    if posed.task is Task.DETECTION:
        return 1 / 2
    if posed.task is Task.ANALYSIS:
        return 1 / 24
    lab = Lab(posed.scenario(0))
    return 1 / len(lab.cluster.store.listed("services", lab.namespace))


def test_the_choices_hold_the_one_right_answer(constants: Sequence[Outcome]) -> None:
    for one in constants:
        assert (one.choices is not None) == (one.row == Row.RANDOM)
        if one.choices is not None and one.task is not Task.MITIGATION:
            assert len(one.choices.strict) == 1


def test_the_best_constant_earns_the_greatest_share_that_a_constant_can(
    drawn: ProblemSet, constants: Sequence[Outcome]
) -> None:
    labels = [Lab(one.scenario(0)).ground_truth for one in drawn.posed if one.task is Task.ANALYSIS]
    pairs = [(truth.system_level, truth.fault_type) for truth in labels]
    best = best_constant([one for one in constants if one.row == Row.RANDOM])
    found = sum(one.strict for one in best if one.task is Task.ANALYSIS)
    assert found == max(pairs.count(pair) for pair in pairs)
    for row in (Row.ALWAYS_YES, Row.DO_NOTHING):
        assert found >= sum(one.strict for one in of_row(constants, row, Task.ANALYSIS))


def test_always_yes_on_the_benchmark_detects_29_of_32() -> None:
    posed = tuple(one for one in problem_set("all").posed if one.task is Task.DETECTION)
    outcomes = [one for problem in posed for one in play_constants(Job(posed=problem, run=0))]
    yes = of_row(outcomes, Row.ALWAYS_YES, Task.DETECTION)
    assert sum(one.aiopslab for one in yes) == 29
    assert sum(not known.family for known in PROBLEMS.values()) == 3


def test_services_are_what_random_may_name(drawn: ProblemSet) -> None:
    lab = Lab(with_task(drawn, Task.LOCALIZATION).scenario(0))
    assert (lab.ground_truth.service,) in valid_answers(lab, Task.LOCALIZATION)


# how an episode is played


def played_once(script: Iterable[str], posed: Posed) -> Outcome:
    agent = ModelAgent(ScriptedModel(script))
    job = Job(posed=posed, run=0)
    return asyncio.run(play(Lab(posed.scenario(0)), agent.player(posed.task, 1), Row.MODEL, job))


def test_refusals_are_counted_and_the_episode_goes_on(drawn: ProblemSet) -> None:
    script = (
        probe("kubectl get pods | head"),
        "no JSON",
        probe("kubectl exec deploy/x -- rm -rf data"),
        probe("kubectl get pods"),
        SUBMIT,
    )
    one = played_once(script, with_task(drawn, Task.DETECTION))
    assert (one.steps, one.replies, one.malformed) == (4, 5, 1)
    assert (one.refused, one.forbidden) == (2, 1)
    assert one.answer == "Yes"


def test_the_last_step_s_refusal_is_counted_once(drawn: ProblemSet) -> None:
    script = [probe("kubectl get pods")] * 11 + [probe("kubectl get pods | head")]
    one = played_once(script, with_task(drawn, Task.DETECTION))
    assert (one.steps, one.refused, one.answer) == (12, 1, "")
    assert not one.aiopslab


def test_tokens_are_the_model_s(drawn: ProblemSet) -> None:
    one = played_once((probe("kubectl get pods"), SUBMIT), with_task(drawn, Task.DETECTION))
    assert one.completion_tokens == len(probe("kubectl get pods").split()) + len(SUBMIT.split())
    assert one.prompt_tokens > 50


def test_an_endpoint_answers_as_a_model_does(drawn: ProblemSet) -> None:
    problems = replace(drawn, posed=(with_task(drawn, Task.DETECTION),))
    with serving(lambda _: SUBMIT) as url:
        outcomes = rows_of(problems, Recipe(row=Row.MODEL, model=f"{url}#m"), runs=2)
    assert [one.answer for one in outcomes if one.row == Row.MODEL] == ["Yes", "Yes"]


def test_an_endpoint_needs_the_name_of_its_model() -> None:
    with pytest.raises(ModelUnavailable, match="#<name of the model>"):
        agent_of(Recipe(row=Row.MODEL, model="http://127.0.0.1:9/v1"))


def test_a_failure_names_its_problem(drawn: ProblemSet) -> None:
    job = Job(posed=with_task(drawn, Task.DETECTION), run=1)
    with pytest.raises(ModelUnavailable) as caught:
        asyncio.run(running.play_job(ModelAgent(ScriptedModel(())), Row.MODEL, job))
    assert caught.value.__notes__ == [f"in {job.posed.name}, run 2, row model"]


# whole evaluations


@pytest.fixture
def small() -> ProblemSet:
    return problem_set("D", seeds=2)


def opened(path: Path, problems: ProblemSet, recipe: Recipe) -> Journal:
    settings = settings_of(problems, recipe, runs=2, seed=0, version="1", model="")
    return Journal(path, settings)


def whole(path: Path, problems: ProblemSet, *, processes: int) -> list[Outcome]:
    with opened(path, problems, EXPERT) as journal:
        return gathered(journal, problems, EXPERT, runs=2, processes=processes)


def test_results_do_not_depend_on_the_number_of_processes(
    tmp_path: Path, small: ProblemSet
) -> None:
    alone = whole(tmp_path / "one", small, processes=1)
    assert len(alone) == total(small, 2, EXPERT)
    assert whole(tmp_path / "two", small, processes=2) == alone
    lines = [sorted((tmp_path / name).read_bytes().splitlines()) for name in ("one", "two")]
    assert lines[0] == lines[1]


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[running.Batch]]:
    """Give the function that lets Ctrl-C come after some batches; what was played is returned."""
    play_batch, seen = running.play_batch, list[running.Batch]()

    def after(count: int) -> list[running.Batch]:
        def once(batch: running.Batch) -> list[Outcome]:
            if len(seen) == count:
                raise KeyboardInterrupt
            seen.append(batch)
            return play_batch(batch)

        monkeypatch.setattr(running, "play_batch", once)
        seen.clear()
        return seen

    return after


def test_an_interrupted_evaluation_goes_on_where_it_stopped(
    tmp_path: Path, small: ProblemSet, interrupted: Callable[[int], list[running.Batch]]
) -> None:
    first = interrupted(3)
    with pytest.raises(KeyboardInterrupt):
        whole(tmp_path / "cut", small, processes=1)
    kept = {(job.posed.name, job.run, b.recipe) for b in first for job in b.jobs}
    second = interrupted(1000)
    resumed = whole(tmp_path / "cut", small, processes=1)
    again = {(job.posed.name, job.run, b.recipe) for b in second for job in b.jobs}
    assert kept
    assert again
    assert not kept & again
    assert resumed == whole(tmp_path / "uncut", small, processes=1)


def test_leaving_early_ends_the_processes(small: ProblemSet) -> None:
    before = set(multiprocessing.active_children())
    with closing(played(missing(small, 40, EXPERT, {}), processes=2)) as coming:
        assert next(coming)
        children = set(multiprocessing.active_children()) - before
    assert [child.exitcode for child in children] == [-signal.SIGTERM] * 2


def test_a_finished_evaluation_plays_nothing(
    tmp_path: Path, small: ProblemSet, interrupted: Callable[[int], list[running.Batch]]
) -> None:
    before = whole(tmp_path / "r", small, processes=1)
    seen = interrupted(0)
    assert whole(tmp_path / "r", small, processes=1) == before
    assert seen == []
