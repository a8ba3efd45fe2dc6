"""A weak model is replaced through the topic, a weaker one is not, and a regression is taken back.

The judgements are real: both checkpoints play every fresh incident. Only the third promotion is
forced, by a solver that lies, so that there is a regression which live outcomes have to find.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.contracts.ids import IncidentId
from agents.contracts.incident import Task
from agents.contracts.model import ModelPromoted, ModelReplied, ModelRolledBack
from agents.contracts.trajectory import Outcome
from deploy.embedded.shipped import MODELS as SHIPPED
from deploy.embedded.stack import Stack
from learner.checkpoint import Checkpoints
from learner.incidents import Drawn
from learner.manifest import Manifest, UpdateTold
from learner.models import ModelRef, reference_of
from learner.progress import ProgressFile
from learner.proving import Proving
from learner.rollout.collect import Job
from learner.samples import Episode
from learner.selection import Selection
from learner.settings import LearnerSettings
from learner.source import KafkaSource
from learner.turn import Learner
from streams import history
from streams.outbox import Outbox
from streams.topics import MODEL_REPLIES, MODELS, TRAJECTORIES
from tests.doubles.solvers import LocalSolver, told
from tests.flow.stacks import until_closed, watched

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1500)]
EARLY, LATER = (reference_of(SHIPPED / name) for name in ("observer-6m-early", "observer-6m"))
# the early checkpoint solves one in ten of these, the later one nearly all
WEAK = {"AOI_LAB__FAMILY": "scaled_to_zero", "AOI_LAB__TASK": "analysis"}
INCIDENTS = 4
LEARNED_FROM = Drawn(seed=1, family="scaled_to_zero", task=Task.ANALYSIS)


@dataclass(slots=True)
class Forced:
    """A policy whose training always ends with the given checkpoint; what plays is real."""

    solver: LocalSolver
    candidate: ModelRef = LATER
    lying: bool = False
    started: list[ModelRef] = field(default_factory=list)

    def start(self, base: ModelRef, trainer: Path | None) -> None:
        del trainer
        self.started.append(base)

    def update(self, incidents: Sequence[Drawn], *, first: int) -> UpdateTold:
        del first
        assert incidents
        nothing = dict.fromkeys(
            ("success", "reward", "loss", "grad_norm", "kl_reference", "kl_rollout", "seconds"), 0.0
        )
        return UpdateTold(
            number=1, episodes=1, groups=1, informative=1, sequences=1, tokens=1, rewards={},
            **nothing,
        )  # fmt: skip

    def export(self, folder: Path) -> ModelRef:
        del folder
        return self.candidate

    def solve(self, jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        if self.lying:
            return [told(job, success=model == self.candidate) for job in jobs]
        return self.solver(jobs, model)

    def stop(self) -> None:
        pass


@asynccontextmanager
async def learner_of(stack: Stack, policy: Forced) -> AsyncIterator[Learner]:
    """Give the stack's learner: its source, checkpoints, judge and outbox, around this policy."""
    settings, kafka = LearnerSettings(updates=1), stack.login("learner")

    def now() -> datetime:
        return datetime.now(UTC)

    tell = ProgressFile(stack.state / "learner" / "progress.json")
    # without a catalogue nothing is proved: the repairing model is never asked
    proving = Proving(settings, policy.solver.of(LATER), policy.solve)
    proving.begin(Manifest(number=0, epoch=0, written_at=now(), current=EARLY))
    with Checkpoints(stack.state / "learner" / "checkpoints") as checkpoints:
        async with Outbox(kafka) as outbox:
            yield Learner(
                settings=settings,
                models=stack.state / "learner" / "models",
                checkpoints=checkpoints,
                source=KafkaSource(kafka),
                outcomes=KafkaSource(
                    kafka, TRAJECTORIES, frozenset({Outcome.SUCCESS, Outcome.FAILURE})
                ),
                outbox=outbox,
                evolver=proving,
                policy=policy,
                selection=Selection(
                    solver=policy.solve, gates=settings.gates, clock=now, tell=tell
                ),
                clock=now,
                tell=tell,
            )


async def turn(learner: Learner, state: Manifest) -> Manifest:
    state = await learner.watched(state)
    return await learner.turn(state, await learner.read(state))


async def decided(stack: Stack) -> list[ModelPromoted | ModelRolledBack]:
    """Return what the topic holds of models."""
    facts = [event.fact async for _, event in history.events(stack.login("admin"), [MODELS])]
    return [fact for fact in facts if isinstance(fact, ModelPromoted | ModelRolledBack)]


async def replied(stack: Stack, number: int) -> set[str]:
    """Return the ids of the models that answered the incidents of a round."""
    names = set(stack.rounds[number - 1])
    incidents = set[IncidentId]()
    found: dict[IncidentId, set[str]] = {}
    async for _, event in history.events(stack.login("admin"), [TRAJECTORIES, MODEL_REPLIES]):
        fact = event.fact
        if isinstance(fact, ModelReplied) and fact.model_id is not None:
            found.setdefault(fact.incident_id, set()).add(fact.model_id)
        elif getattr(fact, "namespace", None) in names and event.incident is not None:
            incidents.add(event.incident)
    assert incidents <= found.keys()
    return {model for incident in incidents for model in found[incident]}


async def test_better_is_promoted_worse_is_refused_and_a_regression_is_rolled_back() -> None:
    solver = LocalSolver()
    policy = Forced(solver)
    zones = {"AOI_MODEL__PATH": EARLY.location, "AOI_CLOSER__JUDGEMENT_SECONDS": "60"}
    try:
        async with (
            watched(incidents=INCIDENTS, seed=3, lab=WEAK, zones=zones, rounds=4) as (stack, seen),
            learner_of(stack, policy) as learner,
        ):

            async def play(number: int) -> set[str]:
                if number > 1:
                    await stack.release(number)
                names = stack.rounds[number - 1]
                await until_closed(stack, seen, incidents=INCIDENTS, seconds=300, namespaces=names)
                return await replied(stack, number)

            assert await play(1) == {EARLY.model_id}

            state = await learner.begin(EARLY)
            state = state.model_copy(update={"curriculum": (LEARNED_FROM,)})
            state = await turn(learner, state)
            judged = state.turns[-1].judgement
            assert judged is not None
            assert (judged.verdict, judged.low > 0) == ("better", True)
            assert state.turns[-1].failures >= INCIDENTS - 1
            (fact,) = await decided(stack)
            assert isinstance(fact, ModelPromoted)
            assert (fact.model_id, fact.digest) == (LATER.model_id, LATER.digest)
            assert state.current == LATER
            assert await play(2) == {LATER.model_id}

            policy.candidate = EARLY
            state = await turn(learner, state)
            judged = state.turns[-1].judgement
            assert judged is not None
            assert (judged.candidate, judged.verdict) == (EARLY.model_id, "not_better")
            assert state.current == LATER
            assert state.trainer is None
            assert len(await decided(stack)) == 1

            policy.lying = True
            state = await turn(learner, state)
            policy.lying = False
            assert state.turns[-1].promoted == state.current.model_id == EARLY.model_id
            assert await play(3) == {EARLY.model_id}

            state = await turn(learner, state)
            assert state.turns[-1].rolled_back == EARLY.model_id
            assert (state.current, state.previous, state.watched) == (LATER, None, None)
            *_, last = await decided(stack)
            assert isinstance(last, ModelRolledBack)
            assert (last.model_id, last.withdrawn) == (LATER.model_id, EARLY.model_id)
            assert await play(4) == {LATER.model_id}
    finally:
        solver.close()
