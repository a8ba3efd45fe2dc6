"""From outcomes to shares with intervals, by row, verdict, task type and group.

    avg_at_1   mean over the problems of the first run
    avg_at_k   mean over all runs
    best_at_k  share of the problems that at least one run solved

Invariant: pure and exact; an interval is a percentile bootstrap over families (a drawn family
brings all its runs), from a seed of its own, so the same outcomes give the same digits anywhere.
The strict verdict leaves out problems whose label no evidence can decide; they are told apart.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from random import Random
from statistics import fmean

from pydantic import BaseModel, ConfigDict

from agents.contracts.incident import Task
from learner.evaluation.benchmark.agents import CONSTANTS, Row
from learner.evaluation.benchmark.outcomes import Choices, Outcome

RESAMPLES = 2000
BOOTSTRAP_SEED = 20_260
TAIL = 0.025
MILLION = 1_000_000
VERDICTS = ("aiopslab", "strict")

Interval = tuple[float, float]
Success = Callable[[Outcome], bool]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prices(_Told):
    """What a million tokens cost, in any currency."""

    per_million_in: float = 0.0
    per_million_out: float = 0.0


class Score(_Told):
    """Shares in 0..1; None without problems. intervals: 95 %; None of fewer than two families."""

    problems: int
    episodes: int
    avg_at_1: float | None
    avg_at_k: float | None
    best_at_k: float | None
    intervals: dict[str, Interval | None]


class Scores(Score):
    """A score of everything, and by task type."""

    tasks: dict[Task, Score]


class Group(_Told):
    """A part of the benchmark under both verdicts."""

    aiopslab: Score
    strict: Score


class Family(_Told):
    """A family's share over all runs by task type, and of `all`, under both verdicts."""

    aiopslab: dict[str, float]
    strict: dict[str, float]


class Cost(_Told):
    """What a row's episodes took; `steps` is a mean, the others are sums. cost: by the prices."""

    steps: float
    replies: int
    malformed: int
    acts: int
    refused: int
    forbidden: int
    prompt_tokens: int
    completion_tokens: int
    cost: float


class RowReport(_Told):
    """Everything of one row. undecidable: the strict score of what `strict` leaves out."""

    aiopslab: Scores
    strict: Scores
    undecidable: Score | None
    groups: dict[str, Group]
    families: dict[str, Family]
    took: Cost


def with_best_constant(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the outcomes and those of the best constant answers, which hindsight knows."""
    found = list(outcomes)
    return found + best_constant([one for one in found if one.row == Row.RANDOM])


def best_constant(drawn: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes of the constant answer of each task type that is right most often.

    drawn: outcomes with `choices`. Each verdict has a best of its own; of equal ones the first in
    alphabetical order. Strictly, decidable problems alone count.
    """
    best: dict[tuple[str, Task], str] = {}
    for verdict in VERDICTS:
        counts: dict[Task, Counter[str]] = defaultdict(Counter)
        for one in drawn:
            if verdict == "aiopslab" or one.decidable:
                counts[one.task].update(_accepted(one, verdict))
        for task, counted in counts.items():
            best[verdict, task] = min(counted, key=lambda text: (-counted[text], text), default="")
    return [
        one.model_copy(
            update={
                "row": str(Row.BEST_CONSTANT),
                "choices": None,
                "aiopslab": best["aiopslab", one.task] in _accepted(one, "aiopslab"),
                "strict": best.get(("strict", one.task), "") in _accepted(one, "strict"),
                "answer": best["aiopslab", one.task],
                "reason": "the answer that is right most often",
            }
        )
        for one in drawn
    ]


def _accepted(outcome: Outcome, verdict: str) -> tuple[str, ...]:
    choices = _choices(outcome)
    return choices.aiopslab if verdict == "aiopslab" else choices.strict


def _choices(outcome: Outcome) -> Choices:
    if outcome.choices is None:
        raise ValueError(f"expected the choices of {outcome.problem}, row {outcome.row}")
    return outcome.choices


def reports(
    outcomes: Iterable[Outcome],
    *,
    macro: bool,
    groups: Mapping[str, Iterable[str]],
    prices: Prices,
) -> dict[str, RowReport]:
    """Return every row's report, the chosen row first and the constants after it.

    groups: ids by the group's name; a group without a problem among the outcomes is left out.
    """
    rows: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in sorted(with_best_constant(outcomes), key=lambda one: one.key):
        rows[outcome.row].append(outcome)
    order = sorted(rows, key=lambda row: (row in CONSTANTS, row))
    return {row: report_of(rows[row], macro=macro, groups=groups, prices=prices) for row in order}


def report_of(
    outcomes: Sequence[Outcome],
    *,
    macro: bool,
    groups: Mapping[str, Iterable[str]],
    prices: Prices,
) -> RowReport:
    """Return the report of one row."""
    decided = [one for one in outcomes if one.decidable]
    undecided = [one for one in outcomes if not one.decidable]
    grouped = {
        name: [one for one in outcomes if one.problem in ids]
        for name, ids in ((name, frozenset(listed)) for name, listed in groups.items())
    }
    return RowReport(
        aiopslab=scores_of(outcomes, _aiopslab, macro=macro),
        strict=scores_of(decided, _strict, macro=macro),
        undecidable=score_of(undecided, _strict, macro=macro) if undecided else None,
        groups={
            name: Group(
                aiopslab=score_of(listed, _aiopslab, macro=macro),
                strict=score_of([one for one in listed if one.decidable], _strict, macro=macro),
            )
            for name, listed in grouped.items()
            if listed
        },
        families=_families(outcomes),
        took=_took(outcomes, prices),
    )


def _aiopslab(outcome: Outcome) -> bool:
    return outcome.aiopslab


def _strict(outcome: Outcome) -> bool:
    return outcome.strict


def scores_of(outcomes: Sequence[Outcome], success: Success, *, macro: bool) -> Scores:
    """Return the score of all, and by task type."""
    whole = score_of(outcomes, success, macro=macro)
    present = {one.task for one in outcomes}
    tasks = {
        task: score_of([one for one in outcomes if one.task is task], success, macro=macro)
        for task in Task
        if task in present
    }
    return Scores(**whole.model_dump(), tasks=tasks)


def score_of(outcomes: Sequence[Outcome], success: Success, *, macro: bool) -> Score:
    """Return the three shares with their intervals. macro: means over families."""
    solved: dict[tuple[str, str], bool] = defaultdict(bool)
    first: list[tuple[str, bool]] = []
    every: list[tuple[str, bool]] = []
    for one in outcomes:
        right = success(one)
        every.append((one.family, right))
        first += [(one.family, right)] if one.run == 0 else []
        solved[one.family, one.problem] |= right
    best = [(family, right) for (family, _), right in solved.items()]
    shares = {"avg_at_1": first, "avg_at_k": every, "best_at_k": best}
    return Score(
        problems=len(solved),
        episodes=len(every),
        avg_at_1=share(first, macro=macro),
        avg_at_k=share(every, macro=macro),
        best_at_k=share(best, macro=macro),
        intervals={name: interval(cases, macro=macro) for name, cases in shares.items()},
    )


def share(cases: Sequence[tuple[str, bool]], *, macro: bool) -> float | None:
    """Return the share of right cases, or the mean of the families' shares. Exact for exact sums.

    cases: family and whether it was right; None without any.
    """
    counted = _counted(cases)
    return _share(counted, range(len(counted)), macro=macro) if counted else None


def interval(cases: Sequence[tuple[str, bool]], *, macro: bool) -> Interval | None:
    """Return the 95 % percentile interval over resampled families; None of fewer than two."""
    counted = _counted(cases)
    if len(counted) < 2:  # noqa: PLR2004 - one family says nothing of how families differ
        return None
    found = sorted(_share(counted, drawn, macro=macro) for drawn in _resamples(len(counted)))
    cut = round(TAIL * RESAMPLES)
    return found[cut], found[-1 - cut]


def _counted(cases: Iterable[tuple[str, bool]]) -> list[tuple[int, int]]:
    """Return successes and cases by family, in the families' alphabetical order."""
    right: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for family, success in cases:
        right[family] += success
        count[family] += 1
    return [(right[family], count[family]) for family in sorted(count)]


def _share(counted: Sequence[tuple[int, int]], drawn: Iterable[int], *, macro: bool) -> float:
    chosen = [counted[place] for place in drawn]
    if macro:
        return fmean(right / count for right, count in chosen)
    return sum(right for right, _ in chosen) / sum(count for _, count in chosen)


@lru_cache(maxsize=64)
def _resamples(families: int) -> tuple[tuple[int, ...], ...]:
    rng = Random(BOOTSTRAP_SEED)  # noqa: S311 - statistics, no secret
    return tuple(tuple(rng.choices(range(families), k=families)) for _ in range(RESAMPLES))


def _families(outcomes: Iterable[Outcome]) -> dict[str, Family]:
    found: dict[str, dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    for one in outcomes:
        for column in ("all", str(one.task)):
            found[one.family][column].append(one)
    return {
        family: Family(
            aiopslab={name: fmean(map(_aiopslab, listed)) for name, listed in columns.items()},
            strict={name: fmean(map(_strict, listed)) for name, listed in columns.items()},
        )
        for family, columns in sorted(found.items())
    }


def _took(outcomes: Sequence[Outcome], prices: Prices) -> Cost:
    into = sum(one.prompt_tokens for one in outcomes)
    out = sum(one.completion_tokens for one in outcomes)
    return Cost(
        steps=fmean(one.steps for one in outcomes),
        replies=sum(one.replies for one in outcomes),
        malformed=sum(one.malformed for one in outcomes),
        acts=sum(one.acts for one in outcomes),
        refused=sum(one.refused for one in outcomes),
        forbidden=sum(one.forbidden for one in outcomes),
        prompt_tokens=into,
        completion_tokens=out,
        cost=(into * prices.per_million_in + out * prices.per_million_out) / MILLION,
    )
