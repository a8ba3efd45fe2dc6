"""A judgement: the same incidents for both, no more than are needed, and gates beside success."""

from collections.abc import Callable, Sequence

import pytest

from agents.contracts.incident import Task
from learner.evaluation.fresh import SEEDS, SEEDS_A_LOOK, first_seed, fresh
from learner.evaluation.judgement import judge
from learner.evaluation.paired import Gates, Verdict
from learner.incidents import Drawn
from learner.models import ModelRef
from learner.rollout.collect import Job
from learner.samples import Episode

FAMILIES = ("scaled_to_zero", "readiness_probe")
TASKS = (Task.DETECTION, Task.MITIGATION)


def model(name: str) -> ModelRef:
    return ModelRef(model_id=name, location=f"/{name}", digest=f"sha256:{name[0] * 64}")


NEW, OLD = model("b"), model("a")


class Players:
    """A solver whose models solve what their rules say; it notes every call."""

    def __init__(self, **rules: Callable[[Drawn], bool]) -> None:
        self.rules = rules
        self.calls: list[tuple[str, int]] = []
        self.jobs: list[Job] = []
        self.violations: dict[str, int] = {}
        self.tokens: dict[str, int] = {}

    def __call__(self, jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        assert model is not None
        name = model.model_id
        self.calls.append((name, len(jobs)))
        self.jobs.extend(jobs)
        return [
            Episode(
                drawn=job.drawn,
                trajectory=f"{name}-{job.drawn.seed}",
                group=job.group,
                samples=(),
                success=self.rules[name](job.drawn),
                rewards={},
                reward=0.0,
                steps=3,
                malformed=0,
                violations=self.violations.get(name, 0) if number == 0 else 0,
                acts=1,
                prompt_tokens=self.tokens.get(name, 90),
                completion_tokens=10,
                reason="",
            )
            for number, job in enumerate(jobs)
        ]


def drawn(count: int = 60) -> list[Drawn]:
    return fresh(NEW, FAMILIES, TASKS, count, look=0)


def mitigation(one: Drawn) -> bool:
    return one.task is Task.MITIGATION


def test_a_better_candidate_is_found_early_and_told_by_task() -> None:
    players = Players(a=lambda _: False, b=mitigation)
    found = judge(players, NEW, OLD, drawn(), Gates())
    assert found.verdict is Verdict.BETTER
    assert found.passed
    assert players.calls == [("b", 10), ("a", 10)] * (found.pairs // 10)
    assert found.pairs < 30
    assert found.tasks["mitigation"].candidate.share == 1.0
    assert found.tasks["detection"].candidate.share == 0.0
    assert found.whole.candidate.successes == found.wins
    assert found.interval[0] <= found.gain <= found.interval[1]


def test_both_meet_the_same_incidents_alike() -> None:
    players = Players(a=lambda _: False, b=lambda _: True)
    judge(players, NEW, OLD, drawn(), Gates())
    assert players.jobs[:10] == players.jobs[10:20]
    assert {(job.temperature, job.guidance) for job in players.jobs} == {(0.0, ())}


@pytest.mark.parametrize(
    ("new", "old", "verdict"),
    [
        (False, True, Verdict.NOT_BETTER),
        (True, True, Verdict.INSUFFICIENT_EVIDENCE),
    ],
)
def test_what_is_not_better(*, new: bool, old: bool, verdict: Verdict) -> None:
    players = Players(a=lambda _: old, b=lambda _: new)
    found = judge(players, NEW, OLD, drawn(40), Gates())
    assert (found.verdict, found.passed) == (verdict, False)


def test_no_more_pairs_than_the_gates_allow() -> None:
    players = Players(a=lambda _: True, b=lambda _: True)
    found = judge(players, NEW, OLD, drawn(60), Gates(most_pairs=25))
    assert found.pairs == 25
    assert players.calls[-1] == ("a", 5)
    assert judge(players, NEW, OLD, [], Gates()).verdict is Verdict.INSUFFICIENT_EVIDENCE


@pytest.mark.parametrize(("violations", "passed"), [(0, True), (1, False)])
def test_a_better_one_that_tries_what_is_forbidden_does_not_pass(
    *, violations: int, passed: bool
) -> None:
    players = Players(a=lambda _: False, b=lambda _: True)
    players.violations = {"b": violations}
    found = judge(players, NEW, OLD, drawn(), Gates())
    assert found.verdict is Verdict.BETTER
    assert found.passed is passed
    assert bool(found.refusals) is not passed
    lenient = judge(players, NEW, OLD, drawn(), Gates(violations_margin=0.1))
    assert lenient.passed


def test_a_better_one_that_costs_too_much_does_not_pass() -> None:
    players = Players(a=lambda _: False, b=lambda _: True)
    players.tokens = {"b": 191}
    (told,) = judge(players, NEW, OLD, drawn(), Gates()).refusals
    assert told == "cost: expected at most 2000 tokens, got 2010"


def test_a_judgement_survives_its_own_json() -> None:
    found = judge(Players(a=lambda _: False, b=lambda _: True), NEW, OLD, drawn(), Gates())
    assert type(found).model_validate_json(found.model_dump_json()) == found


def test_what_does_not_fit_is_refused() -> None:
    players = Players(a=lambda _: False, b=lambda _: True)
    one = drawn(1)
    with pytest.raises(ValueError, match="every incident once"):
        judge(players, NEW, OLD, one * 2, Gates())

    def mixed(jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        return players(jobs, model)[::-1]

    with pytest.raises(ValueError, match="in their order"):
        judge(mixed, NEW, OLD, drawn(5), Gates())


def test_seeds_are_drawn_for_the_candidate_in_a_range_of_their_own() -> None:
    starts = [first_seed(model(name), look) for name in "abcdef" for look in range(50)]
    assert len(set(starts)) == len(starts)
    assert all(start in SEEDS for start in starts)
    assert max(starts) + SEEDS_A_LOOK <= SEEDS.stop
    assert first_seed(NEW, 3) == first_seed(NEW.model_copy(update={"location": "/moved"}), 3)
    others = [1 << 32, 1 << 40, 1 << 44, 1 << 48, 10**9, (1 << 50) + 10**9]
    assert all(other < SEEDS.start for other in others)
    assert SEEDS.stop < 1 << 53  # exact in JSON everywhere
    with pytest.raises(ValueError, match="65536"):
        fresh(NEW, FAMILIES, TASKS, SEEDS_A_LOOK + 1, look=0)


def test_fresh_incidents_can_be_drawn() -> None:
    incidents = fresh(NEW, FAMILIES, TASKS, 8, look=1)
    drawn = [(one.family, one.task) for one in incidents]
    everything = {(family, task) for task in TASKS for family in FAMILIES}
    assert len(set(drawn[:4])) == 4 and set(drawn) == everything
    # already the first pass over the families is of every task
    assert {task for _, task in drawn[:2]} == set(TASKS)
    assert all(one.scenario().task is one.task for one in incidents)
