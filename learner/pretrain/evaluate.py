"""Measures a model on fresh incidents: many at once, strictly judged by the lab.

Invariant: seeds of evaluation are never those of demonstrations; the loop is that of serving.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean

from agents.contracts.incident import Task
from agents.environments.simulated.incidents import Scenario, generate
from agents.environments.simulated.lab import Lab
from agents.models.protocol import Model, Question
from learner.rollout.episode import REPLY_TOKENS, Finished, episode, incident_of, prompt

SEEDS = 1 << 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One incident's outcome."""

    seed: int
    family: str
    task: Task
    healthy: bool
    success: bool
    steps: int
    malformed: int
    questions: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Results, and shares of success by family and by task (in 0..1)."""

    results: tuple[Result, ...]
    success: float
    by_task: dict[str, float]
    by_family: dict[str, float]
    by_both: dict[str, float]
    malformed: float
    steps: float

    def lines(self) -> list[str]:
        """Return the report as a Markdown table and three sentences."""
        tasks = [task for task in Task if task in self.by_task]
        head = " | ".join(tasks)
        rows = [f"| family | {head} | all |", "|---" * (len(tasks) + 2) + "|"]
        for family, share in sorted(self.by_family.items()):
            cells = [_percent(self.by_both.get(f"{family} {task}")) for task in tasks]
            rows.append(f"| {family} | {' | '.join(cells)} | {_percent(share)} |")
        last = " | ".join(_percent(self.by_task[task]) for task in tasks)
        rows.append(f"| all | {last} | {_percent(self.success)} |")
        return [
            *rows,
            "",
            (
                f"{len(self.results)} incidents; {self.steps:.1f} steps on average; "
                f"{100 * self.malformed:.2f} % of replies malformed."
            ),
        ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


async def evaluate(
    model: Model,
    *,
    count: int,
    first: int = 0,
    split: str = "A",
    guidance: tuple[str, ...] = (),
    at_once: int = 64,
    told: Callable[[Result], None] = lambda _: None,
) -> Report:
    """Run `count` incidents of a split from seed SEEDS + first, `at_once` side by side."""
    gate = asyncio.Semaphore(at_once)

    async def one(seed: int) -> Result:
        async with gate:
            result = await solve(model, seed, split=split, guidance=guidance)
        told(result)
        return result

    seeds = range(SEEDS + first, SEEDS + first + count)
    return report_of(await asyncio.gather(*(one(seed) for seed in seeds)))


async def solve(
    model: Model, seed: int, *, split: str = "A", guidance: tuple[str, ...] = ()
) -> Result:
    """Let a model solve one incident."""
    scenario = generate(seed, split=split)
    lab = Lab(scenario)
    incident = incident_of(lab, scenario.task)
    run = episode(lab, incident, guidance=guidance)
    situation, questions = next(run), 0
    while True:
        questions += 1
        answer = await model.answer(
            Question(messages=prompt(situation), max_tokens=REPLY_TOKENS, seed=seed & 0xFFFF)
        )
        try:
            situation = run.send(answer.text)
        except StopIteration as stop:
            return _result(scenario, lab, stop.value, questions)


def _result(scenario: Scenario, lab: Lab, finished: Finished, questions: int) -> Result:
    verdict = lab.judge(finished.submission)
    return Result(
        seed=scenario.seed,
        family=scenario.family,
        task=scenario.task,
        healthy=scenario.healthy,
        success=verdict.strict,
        steps=finished.steps,
        malformed=finished.malformed,
        questions=questions,
        reason=verdict.reason,
    )


def report_of(results: Sequence[Result]) -> Report:
    """Return the shares of some results."""
    groups: dict[str, dict[str, list[bool]]] = {
        "task": defaultdict(list),
        "family": defaultdict(list),
        "both": defaultdict(list),
    }
    for result in results:
        groups["task"][result.task].append(result.success)
        groups["family"][result.family].append(result.success)
        groups["both"][f"{result.family} {result.task}"].append(result.success)
    shares = {
        kind: {key: mean(listed) for key, listed in found.items()} for kind, found in groups.items()
    }
    questions = sum(result.questions for result in results)
    return Report(
        results=tuple(results),
        success=mean(result.success for result in results) if results else 0.0,
        by_task=shares["task"],
        by_family=shares["family"],
        by_both=shares["both"],
        malformed=sum(result.malformed for result in results) / max(1, questions),
        steps=mean(result.steps for result in results) if results else 0.0,
    )
