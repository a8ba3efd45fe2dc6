"""One whole evaluation: play what is missing, then tell it as one object.

Invariant: the object is a function of the journal's outcomes and of the prices; playing half of it
today and the other half tomorrow gives the same bytes as playing it at once.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

from learner.evaluation.benchmark.agents import CONSTANTS, PLAYED, Recipe
from learner.evaluation.benchmark.journal import Journal, Settings
from learner.evaluation.benchmark.outcomes import Outcome
from learner.evaluation.benchmark.run import missing, played
from learner.evaluation.benchmark.scores import Prices, RowReport, reports
from learner.evaluation.benchmark.sets import ProblemSet, groups

RESULTS = "results.jsonl"


class Evaluation(RowReport):
    """The chosen row's report, what was asked for, and the constants beside it.

    macro: whether shares are means over families. prices: of `took.cost`.
    """

    settings: Settings
    macro: bool
    prices: Prices
    constants: dict[str, RowReport]

    @property
    def rows(self) -> dict[str, RowReport]:
        """Every row once, the chosen one first."""
        return {self.settings.agent: self, **self.constants}


def settings_of(
    problems: ProblemSet, recipe: Recipe, *, runs: int, seed: int, version: str, model: str
) -> Settings:
    """Return what a journal of this evaluation pins. model: an identity that means its weights."""
    return Settings(
        version=version,
        agent=str(recipe.row),
        model=model,
        tasks=problems.name,
        count=len(problems.posed),
        problems=problems.digest,
        runs=runs,
        seed=seed,
    )


def gathered(
    journal: Journal,
    problems: ProblemSet,
    recipe: Recipe,
    *,
    runs: int,
    processes: int,
    told: Callable[[int], None] = lambda _: None,
) -> list[Outcome]:
    """Play what the journal lacks, keep it, and return all outcomes.

    told: is given how many outcomes each batch brought. Raises what an agent raises and
    KeyboardInterrupt; the journal keeps what was done until then.
    """
    batches = missing(problems, runs, recipe, journal.done)
    with closing(played(batches, processes=processes)) as coming:
        for outcomes in coming:
            journal.add(one for one in outcomes if one.key not in journal.done)
            told(len(outcomes))
    return sorted(journal.done.values(), key=lambda one: one.key)


def total(problems: ProblemSet, runs: int, recipe: Recipe) -> int:
    """Return how many outcomes a whole evaluation has."""
    rows = {*PLAYED, recipe.row} - (set(CONSTANTS) - set(PLAYED))
    return len(problems.posed) * runs * len(rows)


def evaluation_of(
    settings: Settings, outcomes: Sequence[Outcome], *, macro: bool, prices: Prices
) -> Evaluation:
    """Return the evaluation that outcomes make."""
    found = reports(outcomes, macro=macro, groups=_present(outcomes), prices=prices)
    return Evaluation(
        **{name: getattr(found[settings.agent], name) for name in RowReport.model_fields},
        settings=settings,
        macro=macro,
        prices=prices,
        constants={row: found[row] for row in CONSTANTS},
    )


def _present(outcomes: Iterable[Outcome]) -> dict[str, tuple[str, ...]]:
    """Return the groups that are there as a whole: a part of one would bear its name falsely."""
    present = {one.problem for one in outcomes}
    return {name: ids for name, ids in groups().items() if present.issuperset(ids)}


def results_in(folder: Path) -> Path:
    """Return where an evaluation of that folder keeps its outcomes."""
    return folder / RESULTS
