"""What the expert solves of the benchmark's problems and of its balanced set, a family and task.

Invariant: what evidence cannot decide is shown, and misses no share.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from agents.contracts.incident import Task
from agents.environments.simulated.benchmark.problems import (
    PROBLEMS,
    balanced,
    home_of,
    scenario_of,
    tasks_of,
)
from agents.environments.simulated.benchmark.registry import BENCHMARK
from tests.bench.bench_expert import WANTED, Played, solve

FIRST_SEED = 1000
"""The first seed: the rules were written while lower ones were looked at."""
HEALTHY = "healthy"
SETS = ("problems", "balanced")
Job = tuple[str, str, int]
"""(set, problem or family, seeds)"""


def jobs_of(seeds: int) -> list[Job]:
    """Return the work, one part a problem and one a family."""
    problems = [("problems", name, seeds) for name in PROBLEMS]
    return [*problems, *(("balanced", family, seeds) for family in BENCHMARK)]


def play_reviews(job: Job) -> list[Played]:
    """Play a problem's or a family's incidents (the work of one process)."""
    place, name, seeds = job
    if place == "problems":
        makers = [partial(scenario_of, name, seed=FIRST_SEED + number) for number in range(seeds)]
    else:
        makers = [
            partial(balanced, FIRST_SEED + number, name, task)
            for task in tasks_of(name)
            for number in range(seeds)
        ]
    return [solve(make(), number % seeds) for number, make in enumerate(makers)]


def undecidable(family: str, task: Task) -> bool:
    """Return whether no evidence can decide a family's answer to a task."""
    known = [one for one in PROBLEMS.values() if one.family == family and one.task is task]
    return bool(known) and not any(one.decidable for one in known)


def review_table(played: Iterable[Played]) -> tuple[list[str], list[str]]:
    """Return the lines of a Markdown table, and what missed its share."""
    cells: dict[tuple[str, Task], list[Played]] = defaultdict(list)
    for one in played:
        cells[one.family, one.task].append(one)
    lines = [
        f"| family | application | {' | '.join(WANTED)} | commands, mean | lines refused |",
        f"|---|---|{'---|' * (len(WANTED) + 2)}",
    ]
    missed = []
    for family in dict.fromkeys(family for family, _ in cells):
        shown = [_shown(family, task, cells[family, task]) for task in WANTED]
        for task, wanted in WANTED.items():
            cell = cells[family, task]
            good = sum(one.success for one in cell)
            if good < wanted * len(cell) and not undecidable(family, task):
                bad = next(one for one in cell if not one.success)
                missed.append(f"{family} {task}: {good} of {len(cell)}, e.g. {bad.reason}")
        every = [one for task in WANTED for one in cells[family, task]]
        mean = sum(one.commands for one in every) / len(every)
        home = "all" if family == HEALTHY else home_of(family)
        refused = sum(one.refused for one in every)
        lines.append(f"| `{family}` | {home} | {' | '.join(shown)} | {mean:.1f} | {refused} |")
    lines.append(f"| all, what evidence can decide | | {' | '.join(_total(cells))} | | |")
    return lines, missed


def _shown(family: str, task: Task, cell: Sequence[Played]) -> str:
    if not cell:
        return ""
    share = f"{100 * sum(one.success for one in cell) / len(cell):.1f} %"
    return f"({share})" if undecidable(family, task) else share


def _total(cells: Mapping[tuple[str, Task], list[Played]]) -> list[str]:
    found = []
    for task in WANTED:
        counted = [
            one
            for (family, of), cell in cells.items()
            if of is task and not undecidable(family, task)
            for one in cell
        ]
        good = sum(one.success for one in counted)
        found.append(f"{100 * good / len(counted):.1f} % of {len(counted)}")
    return found
