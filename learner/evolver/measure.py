"""Measures an Evolver on failures that it was not trained on: spoiled runs, and a model's own.

Invariant: seeds are never those of training; what counts is what would be published: whether the
text is a correction at all, and whether its steps are those of a run that the oracle accepted.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from agents.contracts.incident import Task
from agents.contracts.trajectory import TrajectoryRecord
from agents.environments.simulated.incidents import Scenario, generate
from agents.environments.simulated.lab import Lab
from agents.models.protocol import Model, Question
from learner.evolver.correction import Correction, MalformedCorrection, parse_correction
from learner.evolver.diagnosis import diagnose
from learner.evolver.pairs import by_expert, correction_of, pairs
from learner.evolver.prompt import REPLY_TOKENS, messages
from learner.rollout.episode import REPLY_TOKENS as ANSWER_TOKENS
from learner.rollout.episode import episode, incident_of, prompt
from learner.rollout.record import Turn, record_of

SEEDS = 1 << 47
SPLIT = "A"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A failed record with the correction that the expert's run makes of it."""

    family: str
    record: TrajectoryRecord
    right: Correction


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Shares in 0..1 of `count` failures.

    parsed: the greedy text is a correction. resolved: of mitigations, its resolution is the
    expert's; None without any. same: every step is the expert's. cause: so is its root cause.
    """

    count: int
    parsed: float
    resolved: float | None
    same: float
    cause: float

    def line(self, name: str) -> str:
        """Return the shares as a row of a Markdown table."""
        told = (self.parsed, self.resolved, self.same, self.cause)
        cells = ("-" if share is None else f"{100 * share:.0f} %" for share in told)
        return f"| {name} | {self.count} | {' | '.join(cells)} |"


HEAD = (
    "| failures | number | is a correction | resolution as the expert's | all steps | root cause |",
    "|---|---|---|---|---|---|",
)


def spoiled(count: int, *, first: int = 0) -> list[Failed]:
    """Return that many spoiled runs from seed SEEDS + first, one an incident."""
    found: list[Failed] = []
    seed = SEEDS + first
    while len(found) < count:
        found += [
            Failed(family=pair.scenario.family, record=pair.record, right=pair.correction)
            for pair in pairs(seed, split=SPLIT, flaws=1)
        ]
        seed += 1
    return found


async def failures_of(model: Model, incidents: int, *, first: int = 0) -> list[Failed]:
    """Return the failures among that many incidents of an Observer's own handling."""
    found = await asyncio.gather(
        *(_failure(model, SEEDS + (1 << 40) + first + number) for number in range(incidents))
    )
    return [failed for failed in found if failed is not None]


async def _failure(model: Model, seed: int) -> Failed | None:
    scenario = generate(seed, split=SPLIT)
    lab = Lab(scenario)
    incident = incident_of(lab, scenario.task)
    run = episode(lab, incident)
    situation, turns = next(run), list[Turn]()
    while True:
        question = Question(
            messages=prompt(situation), max_tokens=ANSWER_TOKENS, seed=seed & 0xFFFF
        )
        turns.append(Turn(situation=situation, text=(await model.answer(question)).text))
        try:
            situation = run.send(turns[-1].text)
        except StopIteration as stop:
            verdict = lab.judge(stop.value.submission)
            if verdict.strict:
                return None
            record = record_of(incident, turns, stop.value, verdict, closed_at=lab.clock)
            return _with_correction(scenario, record)


def _with_correction(scenario: Scenario, record: TrajectoryRecord) -> Failed | None:
    right = by_expert(scenario)
    if not right.verdict.strict:
        return None
    return Failed(family=scenario.family, record=record, right=correction_of(record, right))


async def measure(model: Model, failures: Sequence[Failed]) -> dict[str, Shares]:
    """Return the shares by name: `all`, each task and each family."""
    answers = await asyncio.gather(*(_asked(model, failed) for failed in failures))
    groups: dict[str, list[tuple[Failed, Correction | None]]] = defaultdict(list)
    for failed, said in zip(failures, answers, strict=True):
        for name in ("all", failed.record.task, failed.family):
            groups[name].append((failed, said))
    return {name: _shares(listed) for name, listed in sorted(groups.items())}


async def _asked(model: Model, failed: Failed) -> Correction | None:
    question = Question(
        messages=messages(failed.record, diagnose(failed.record)), max_tokens=REPLY_TOKENS, seed=0
    )
    try:
        return parse_correction((await model.answer(question)).text, failed.record.task)
    except MalformedCorrection:
        return None


def _shares(listed: Sequence[tuple[Failed, Correction | None]]) -> Shares:
    def share(told: Iterable[bool]) -> float:
        return mean([*told] or [0.0])

    repairs = [(failed, said) for failed, said in listed if failed.record.task is Task.MITIGATION]
    return Shares(
        count=len(listed),
        parsed=share(said is not None for _, said in listed),
        resolved=share(
            said is not None and said.resolution == failed.right.resolution
            for failed, said in repairs
        )
        if repairs
        else None,
        same=share(
            said is not None and said.steps == failed.right.steps for failed, said in listed
        ),
        cause=share(said is not None and _cause(said) == _cause(f.right) for f, said in listed),
    )


def _cause(correction: Correction) -> str:
    return correction.system_state_summary.root_cause_and_symptoms
