"""Plays what is missing, in processes, and hands outcomes back as they come.

    missing -> batches in a fixed order -> [ process: labs, players, oracle ] x N -> outcomes

Invariant: an episode depends on its problem, run and row alone, and batches are cut before anybody
knows how many processes there are; so results do not depend on their number. Processes leave
Ctrl-C to their parent, which ends them.
"""

import asyncio
import multiprocessing
import signal
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass

from agents.contracts.ids import derive
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.oracle import Verdict
from agents.memory import LastStep
from agents.observer.prompt import Situation
from agents.observer.reply import Reply, ReplyAction, reply_text
from learner.evaluation.benchmark.agents import (
    CONSTANTS,
    PLAYED,
    Agent,
    Player,
    Recipe,
    Row,
    Said,
    agent_of,
    constant_answer,
    valid_answers,
)
from learner.evaluation.benchmark.outcomes import Answered, Choices, Key, Outcome, told
from learner.evaluation.benchmark.sets import Posed, ProblemSet
from learner.rewards.parts import is_forbidden
from learner.rollout.episode import Finished, episode, incident_of

CONSTANTS_A_BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One problem in one run."""

    posed: Posed
    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Jobs that one process plays side by side; without a recipe the constants play them."""

    jobs: tuple[Job, ...]
    recipe: Recipe | None


def missing(
    problems: ProblemSet, runs: int, recipe: Recipe, done: Mapping[Key, object]
) -> list[Batch]:
    """Return what is left to play: the constants first, then the chosen row."""
    jobs = [Job(posed=posed, run=run) for run in range(runs) for posed in problems.posed]
    constants = [
        job for job in jobs if any((row, job.posed.name, job.run) not in done for row in PLAYED)
    ]
    found = _cut(constants, CONSTANTS_A_BATCH, None)
    if recipe.row in CONSTANTS:
        return found
    left = [job for job in jobs if (recipe.row, job.posed.name, job.run) not in done]
    return found + _cut(left, recipe.batch, recipe)


def _cut(jobs: Sequence[Job], size: int, recipe: Recipe | None) -> list[Batch]:
    return [
        Batch(jobs=tuple(jobs[at : at + size]), recipe=recipe) for at in range(0, len(jobs), size)
    ]


def played(batches: Sequence[Batch], *, processes: int) -> Generator[list[Outcome], None, None]:
    """Yield the outcomes of every batch, in the order in which they end.

    Raises what an agent raises; close the iterator to end the processes early.
    """
    if processes <= 1 or len(batches) <= 1:
        yield from map(play_batch, batches)
        return
    context = multiprocessing.get_context("spawn")
    workers = min(processes, len(batches))
    pool = ProcessPoolExecutor(workers, mp_context=context)
    before = set(multiprocessing.active_children())
    try:
        with _interrupts_ignored():
            futures = [pool.submit(play_batch, batch) for batch in batches]
        for future in as_completed(futures):
            yield future.result()
    except BaseException:
        # nobody waits for episodes that are under way; what was yielded is kept
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Start processes that inherit deafness to Ctrl-C, from their first moment on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_AGENTS: dict[Recipe, Agent] = {}
"""This process's agents: weights are loaded once."""


def play_batch(batch: Batch) -> list[Outcome]:
    """Play a batch in this process."""
    if batch.recipe is None:
        return [outcome for job in batch.jobs for outcome in play_constants(job)]
    if batch.recipe not in _AGENTS:
        _AGENTS[batch.recipe] = agent_of(batch.recipe)
    return asyncio.run(_side_by_side(_AGENTS[batch.recipe], batch.recipe.row, batch.jobs))


async def _side_by_side(agent: Agent, row: Row, jobs: Sequence[Job]) -> list[Outcome]:
    try:
        return list(await asyncio.gather(*(play_job(agent, row, job) for job in jobs)))
    finally:
        await agent.rest()


def sampling_seed(job: Job) -> int:
    """Return the seed of whatever an agent draws in a job."""
    return int(derive("evaluation", job.posed.name, job.posed.seed, job.run)[:8], 16)


async def play_job(agent: Agent, row: Row, job: Job) -> Outcome:
    """Let an agent play one job in a lab of its own."""
    lab = Lab(job.posed.scenario(job.run))
    try:
        return await play(lab, agent.player(job.posed.task, sampling_seed(job)), row, job)
    except Exception as error:
        error.add_note(f"in {job.posed.name}, run {job.run + 1}, row {row}")
        raise


async def play(lab: Lab, player: Player, row: Row, job: Job) -> Outcome:
    """Play one episode as it is served, refusals told and the loop going on, and judge it."""
    run = episode(lab, incident_of(lab, job.posed.task))
    situation, said = next(run), list[Said]()
    refusals: list[str] = []
    while True:
        last = situation.memory.last
        said.append(await player.reply(situation))
        try:
            situation = run.send(said[-1].text)
        except StopIteration as stop:
            finished: Finished = stop.value
            refusals += _refused(finished.last, last)
            return _outcome(job, row, finished, lab.judge(finished.submission), said, refusals)
        refusals += _refused(situation.memory.last, last)


def _refused(last: LastStep | None, before: LastStep | None) -> list[str]:
    """Return the refusal of the newest step, if it is a new step and was refused."""
    return [last.refusal] if last is not None and last is not before and last.refusal else []


def _outcome(
    job: Job,
    row: Row,
    finished: Finished,
    verdict: Verdict,
    said: Sequence[Said],
    refusals: Sequence[str],
) -> Outcome:
    return Outcome(
        row=row,
        problem=job.posed.name,
        run=job.run,
        seed=job.posed.seed_of(job.run),
        family=job.posed.family,
        task=job.posed.task,
        decidable=job.posed.decidable,
        aiopslab=verdict.aiopslab,
        strict=verdict.strict,
        reason=verdict.reason,
        answer=told(finished.submission.answer),
        steps=finished.steps,
        replies=len(said),
        malformed=finished.malformed,
        acts=finished.acts,
        refused=len(refusals),
        forbidden=sum(map(is_forbidden, refusals)),
        prompt_tokens=sum(one.prompt_tokens for one in said),
        completion_tokens=sum(one.completion_tokens for one in said),
    )


class _AtOnce:
    """A player that submits its answer whatever it is shown."""

    def __init__(self, answer: Answered) -> None:
        self._answer = answer

    async def reply(self, situation: Situation) -> Said:
        del situation
        return Said(text=reply_text(Reply(action=ReplyAction.SUBMIT, answer=self._answer)))


def play_constants(job: Job) -> list[Outcome]:
    """Play the constant rows of one job, in one lab: who submits at once leaves it as it was."""
    lab = Lab(job.posed.scenario(job.run))
    incident = incident_of(lab, job.posed.task)
    seed = sampling_seed(job)
    found: list[Outcome] = []
    by_answer: dict[str, Outcome] = {}
    for row in PLAYED:
        answer = constant_answer(row, lab, incident, seed=seed)
        if told(answer) not in by_answer:
            by_answer[told(answer)] = asyncio.run(play(lab, _AtOnce(answer), row, job))
        found.append(by_answer[told(answer)].model_copy(update={"row": str(row)}))
    choices = _choices(lab, job, by_answer)
    return [
        outcome.model_copy(update={"choices": choices}) if outcome.row == Row.RANDOM else outcome
        for outcome in found
    ]


def _choices(lab: Lab, job: Job, known: Mapping[str, Outcome]) -> Choices:
    """Return what the oracle says of every valid answer."""
    aiopslab, strict = [], []
    answers = valid_answers(lab, job.posed.task)
    for answer in answers:
        text = told(answer)
        verdict: Outcome | Verdict | None = known.get(text)
        if verdict is None:
            verdict = lab.judge(
                Submission(task=job.posed.task, reason=SubmitReason.ANSWERED, answer=answer)
            )
        aiopslab += [text] if verdict.aiopslab else []
        strict += [text] if verdict.strict else []
    return Choices(count=len(answers), aiopslab=tuple(aiopslab), strict=tuple(strict))
