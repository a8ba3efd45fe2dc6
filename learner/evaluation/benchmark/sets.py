"""Which problems an evaluation poses: the benchmark's, balanced ones, procedural ones, or a file's.

Invariant: a problem's name and a run's number say which incident it is, on every machine. A run of
a benchmark problem has surroundings of its own (names, times, past); a run of any other problem is
the same incident again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from agents.contracts.incident import Task
from agents.environments.simulated import references
from agents.environments.simulated.benchmark import problems
from agents.environments.simulated.incidents import Scenario, generate
from agents.environments.simulated.splits import families_of

SEEDS = 1 << 49
"""Where the seeds of balanced and procedural sets begin; nobody trains on these."""
SEEDS_A_SET = 1 << 16
RUNS_APART = 1000
BENCHMARK_RUNS = 5
SPLITS = ("A", "B", "D")
NO_FAULT = "no_fault"
"""What problems without a fault count as in place of a family."""


class NoProblems(ValueError):
    """A set has no problem or names one that does not exist."""


class Origin(StrEnum):
    """Where an incident comes from."""

    BENCHMARK = "benchmark"
    BALANCED = "balanced"
    PROCEDURAL = "procedural"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posed:
    """One problem. name: the benchmark's id, or the incident's reference.

    decidable: whether any evidence could decide its label. seed: of the incident; of a benchmark
    problem, its first run's.
    """

    name: str
    origin: Origin
    family: str
    task: Task
    seed: int
    decidable: bool = True

    def seed_of(self, run: int) -> int:
        """Return the incident's seed in a run."""
        return self.seed + run if self.origin is Origin.BENCHMARK else self.seed

    def scenario(self, run: int) -> Scenario:
        """Return the incident of a run before it is built."""
        match self.origin:
            case Origin.BENCHMARK:
                return problems.scenario_of(self.name, seed=self.seed_of(run))
            case Origin.BALANCED:
                return problems.balanced(self.seed, self.family, self.task)
            case Origin.PROCEDURAL:
                return references.scenario_of(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemSet:
    """Problems under a name. macro: shares are means over families, not over problems."""

    name: str
    posed: tuple[Posed, ...]
    macro: bool
    usual_runs: int

    @property
    def digest(self) -> str:
        """What tells this list of problems from any other."""
        told = "\n".join(f"{one.name} {one.seed} {one.task}" for one in self.posed)
        return sha256(told.encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def groups() -> dict[str, tuple[str, ...]]:
    """Return the reporting groups of the benchmark: `training` (38), `unseen` (48), `paper` (86).

    Source: the fault types of the paper's training set, in `groups.json` beside the problems.
    """
    text = files("agents.environments.simulated.benchmark").joinpath("groups.json").read_bytes()
    read: dict[str, Any] = orjson.loads(text)
    found = {
        name: tuple(problem for listed in read[name].values() for problem in listed)
        for name in ("training", "unseen")
    }
    return found | {"paper": found["training"] + found["unseen"]}


def problem_set(name: str, *, seed: int = 0, seeds: int = 20) -> ProblemSet:
    """Return a set by its name, or the set that a file of that name lists.

    seeds: incidents of each pair of family and task; of balanced and procedural sets only.
    Raises NoProblems, which says what was expected.
    """
    if name == "all":
        return _benchmark(name, problems.PROBLEMS, seed)
    if name in groups():
        return _benchmark(name, groups()[name], seed)
    if name == "balanced":
        return _balanced(seed, seeds)
    if name in SPLITS:
        return _split(name, seed, seeds)
    path = Path(name)
    if not path.is_file():
        words = ", ".join(("all", *groups(), "balanced", *SPLITS))
        raise NoProblems(f"expected one of {words}, or a file of references, got {name!r}")
    return _listed(path, path.read_text(encoding="utf-8").splitlines(), seed)


def _benchmark(name: str, ids: Iterable[str], seed: int) -> ProblemSet:
    posed = tuple(_problem(problem, seed * RUNS_APART) for problem in ids)
    return ProblemSet(name=name, posed=posed, macro=False, usual_runs=BENCHMARK_RUNS)


def _problem(name: str, seed: int) -> Posed:
    known = problems.PROBLEMS[name]
    return Posed(
        name=name,
        origin=Origin.BENCHMARK,
        family=known.family or NO_FAULT,
        task=known.task,
        seed=seed,
        decidable=known.decidable,
    )


def _first_seed(seed: int) -> int:
    return SEEDS + seed * SEEDS_A_SET


def _balanced(seed: int, seeds: int) -> ProblemSet:
    families = dict.fromkeys(known.family for known in problems.PROBLEMS.values() if known.family)
    doubtful = {(p.family, p.task) for p in problems.PROBLEMS.values() if not p.decidable}
    posed = tuple(
        Posed(
            name=f"balanced-{number}:family={family},task={task}",
            origin=Origin.BALANCED,
            family=family,
            task=task,
            seed=number,
            decidable=(family, task) not in doubtful,
        )
        for family in families
        for task in problems.tasks_of(family)
        for number in range(_first_seed(seed), _first_seed(seed) + seeds)
    )
    return ProblemSet(name="balanced", posed=posed, macro=True, usual_runs=1)


def _split(split: str, seed: int, seeds: int) -> ProblemSet:
    kinds = [(family, task) for family in families_of(split) for task in Task]
    posed = []
    for place, (family, task) in enumerate(kinds):
        first = _first_seed(seed) + place * seeds
        for number in range(first, first + seeds):
            reference = references.procedural(number, split=split, family=family, task=task)
            posed.append(
                Posed(
                    name=str(reference),
                    origin=Origin.PROCEDURAL,
                    family=family,
                    task=task,
                    seed=number,
                )
            )
    return ProblemSet(name=split, posed=tuple(posed), macro=True, usual_runs=1)


def _listed(path: Path, lines: Sequence[str], seed: int) -> ProblemSet:
    posed: dict[str, Posed] = {}
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            reference = references.parse_reference(text)
        except references.UnknownIncident as error:
            raise NoProblems(f"{path}, line {number}: {error}") from error
        one = _referred(reference, seed)
        if one.name in posed:
            raise NoProblems(f"{path}, line {number}: {one.name} a second time")
        posed[one.name] = one
    if not posed:
        raise NoProblems(f"expected a reference a line in {path}, found none")
    usual = any(one.origin is Origin.BENCHMARK for one in posed.values())
    return ProblemSet(
        name=path.stem,
        posed=tuple(posed.values()),
        macro=False,
        usual_runs=BENCHMARK_RUNS if usual else 1,
    )


def _referred(reference: references.Reference, seed: int) -> Posed:
    if reference.problem is not None:
        return _problem(reference.problem, reference.seed or seed * RUNS_APART)
    drawn: Scenario = generate(reference.seed, **dict[str, Any](reference.options))
    return Posed(
        name=str(reference),
        origin=Origin.PROCEDURAL,
        family=drawn.family,
        task=drawn.task,
        seed=reference.seed,
    )
