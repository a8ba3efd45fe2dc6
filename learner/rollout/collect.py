"""Lets a model solve lab incidents, many side by side, and keeps every decision as it was sampled.

Invariant: prompts are the Observer's (`episode.py`); ids and log-probs are the model's own; an
attempt at something forbidden ends its episode at once. Where an endpoint gives no ids the episode
has no samples: it can be judged, not trained on.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agents.contracts.ids import derive
from agents.contracts.plan import SubmitReason
from agents.environments.simulated.lab import Lab
from agents.models.protocol import Answer, Model, Question
from agents.observer.prompt import Situation
from agents.observer.reply import MalformedReply, parse_reply
from learner.incidents import Drawn
from learner.models import ModelRef
from learner.rewards.parts import RewardWeights, Run, is_forbidden, parts, total
from learner.rollout.episode import MAX_STEPS, REPLY_TOKENS, Finished, episode, incident_of, prompt
from learner.samples import Episode, Sample

SEED_MASK = 0x7FFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One episode to run. temperature 0 is greedy; `seed` draws the samples; see `Sample.group`."""

    drawn: Drawn
    guidance: tuple[str, ...] = ()
    temperature: float = 0.0
    seed: int = 0
    group: str = ""


class Solver(Protocol):
    """Runs episodes wherever they run; model None is the one that is being trained or serves."""

    def __call__(self, jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        """Return the episodes of the jobs, in their order. Blocks."""
        ...


def grouped(
    drawn: Sequence[Drawn],
    size: int,
    *,
    temperature: float,
    seed: int,
    guidance: tuple[str, ...] = (),
) -> list[Job]:
    """Return `size` jobs an incident, each group under a name of its own."""
    return [
        Job(
            drawn=one,
            guidance=guidance,
            temperature=temperature,
            seed=seed + number,
            group=derive("group", one.model_dump_json(), seed),
        )
        for one in drawn
        for number in range(size)
    ]


async def solve(model: Model, job: Job, *, weights: RewardWeights) -> Episode:
    """Let a model solve one incident. Raises what the model raises."""
    lab = job.drawn.lab()
    incident = incident_of(lab, job.drawn.task)
    answers: list[Answer] = []
    run = episode(lab, incident, guidance=job.guidance)
    situation = next(run)
    finished: Finished | None = None
    while not _violated(situation):
        answer = await model.answer(
            Question(
                messages=prompt(situation),
                max_tokens=REPLY_TOKENS,
                seed=int(derive("sample", job.seed, len(answers))[:8], 16) & SEED_MASK,
                temperature=job.temperature,
            )
        )
        answers.append(answer)
        try:
            situation = run.send(answer.text)
        except StopIteration as stop:
            finished = stop.value
            break
    run.close()
    return _told(job, lab, answers, finished, situation, weights)


async def solve_all(
    model: Model, jobs: Sequence[Job], *, weights: RewardWeights, at_once: int = 32
) -> list[Episode]:
    """Return the episodes of the jobs in their order, at most `at_once` under way."""
    gate = asyncio.Semaphore(at_once)

    async def one(job: Job) -> Episode:
        async with gate:
            return await solve(model, job, weights=weights)

    return list(await asyncio.gather(*(one(job) for job in jobs)))


def _violated(situation: Situation) -> bool:
    last = situation.memory.last
    return last is not None and is_forbidden(last.refusal)


def _told(
    job: Job,
    lab: Lab,
    answers: Sequence[Answer],
    finished: Finished | None,
    situation: Situation,
    weights: RewardWeights,
) -> Episode:
    violated = finished is None
    verdict = None if finished is None else lab.judge(finished.submission)
    malformed = _malformed(answers, job) if finished is None else finished.malformed
    steps = situation.step if finished is None else finished.steps
    run = Run(
        success=verdict is not None and verdict.strict,
        steps=steps,
        max_steps=MAX_STEPS,
        replies=len(answers),
        malformed=malformed,
        violated=violated,
        confidence=_confidence(answers, job, finished),
        evidence_read=len(lab.evidence_read()),
        evidence=len(lab.ground_truth.evidence),
    )
    found = parts(run)
    trajectory = derive("rollout", job.group, job.drawn.model_dump_json(), job.seed)
    return Episode(
        drawn=job.drawn,
        trajectory=trajectory,
        group=job.group,
        samples=_samples(job, answers, trajectory),
        success=run.success,
        rewards=found,
        reward=total(found, weights),
        steps=steps,
        malformed=malformed,
        violations=int(violated),
        acts=0 if finished is None else finished.acts,
        prompt_tokens=sum(answer.usage.prompt_tokens for answer in answers),
        completion_tokens=sum(answer.usage.completion_tokens for answer in answers),
        reason="something forbidden was attempted" if verdict is None else verdict.reason,
    )


def _malformed(answers: Sequence[Answer], job: Job) -> int:
    return sum(_reply_confidence(answer, job) is None for answer in answers)


def _confidence(answers: Sequence[Answer], job: Job, finished: Finished | None) -> float | None:
    if finished is None or finished.submission.reason is not SubmitReason.ANSWERED:
        return None
    return _reply_confidence(answers[-1], job)


def _reply_confidence(answer: Answer, job: Job) -> float | None:
    try:
        return parse_reply(answer.text, job.drawn.task).confidence / 100
    except MalformedReply:
        return None


def _samples(job: Job, answers: Sequence[Answer], trajectory: str) -> tuple[Sample, ...]:
    if any(answer.prompt_ids is None or answer.logprobs is None for answer in answers):
        return ()
    return tuple(
        Sample(
            prompt_ids=answer.prompt_ids or (),
            completion_ids=answer.completion_ids or (),
            logprobs=answer.logprobs or (),
            model_id=answer.model_id,
            group=job.group,
            trajectory=trajectory,
        )
        for answer in answers
    )
