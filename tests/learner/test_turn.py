"""The turn with its parts played: what is owed, what stands, what is told; settings of recipes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from agents.contracts.envelope import Event
from agents.contracts.guidance import GuidancePublished
from agents.contracts.ids import EventId, GuidanceId, IncidentId
from agents.contracts.incident import Task
from agents.contracts.model import ModelPromoted
from agents.contracts.trajectory import TrajectoryRecord
from agents.worker import Fatal, Transient
from learner.checkpoint import Checkpoints
from learner.evaluation.paired import Gates
from learner.evolver.diagnosis import Pattern
from learner.evolver.evolve import Evolved, Reason
from learner.incidents import Drawn
from learner.manifest import Decision, Manifest, UpdateTold
from learner.models import ModelRef
from learner.promotion import Watched
from learner.recipes import demo, standard
from learner.rollout.collect import Job
from learner.run import reference
from learner.samples import Episode
from learner.selection import Selection
from learner.settings import LearnerSettings
from learner.source import Batch, Failure
from learner.turn import Learner, Step
from streams.outbox import Published
from tests.builders import at
from tests.doubles.solvers import told
from tests.doubles.trajectories import failed

DRAWN = Drawn(seed=5, family="scaled_to_zero", task=Task.MITIGATION)


def model(name: str) -> ModelRef:
    return ModelRef(model_id=name, location=f"/{name}", digest=f"sha256:{name[0] * 64}")


OLD, NEW = model("a"), model("b")


@dataclass(slots=True)
class Topic:
    """A source of what was put into it, and an outbox that may be away."""

    waiting: list[str] = field(default_factory=list)
    written: dict[EventId, Event] = field(default_factory=dict)
    away: bool = False

    async def read(
        self,
        offsets: Mapping[int, int],
        known: frozenset[str],
        *,
        limit: int,
        topic_id: str | None = None,
    ) -> Batch:
        at_offset = offsets.get(0, 0)
        names = self.waiting[at_offset : at_offset + limit]
        failures = tuple(
            Failure(
                id=f"{name}/0",
                cause=EventId(f"closed-{name}"),
                record=failed(incident_id=IncidentId(name)),
            )
            for name in names
            if f"{name}/0" not in known
        )
        repeats = len(names) - len(failures)
        return Batch(failures=failures, offsets={0: at_offset + len(names)}, repeats=repeats)

    async def publish(self, events: Sequence[Event]) -> Published:
        if self.away:
            raise Transient("no broker")
        fresh = [event for event in events if event.id not in self.written]
        self.written |= {event.id: event for event in fresh}
        return Published(written=tuple(event.id for event in fresh))

    @property
    def guides(self) -> list[GuidancePublished]:
        facts = [event.fact for event in self.written.values()]
        return [fact for fact in facts if isinstance(fact, GuidancePublished)]


@dataclass(slots=True)
class Gains:
    """An Evolver whose corrections gain what the test says; None: refused."""

    gains: list[float | None]

    def evolve(self, record: TrajectoryRecord, *, now: datetime) -> Evolved:
        gain = self.gains.pop(0)
        guidance = None
        if gain is not None:
            guidance = GuidancePublished(
                guidance_id=GuidanceId(f"guide-{record.incident_id}"),
                signature="mitigation/error-ratio",
                task=Task.MITIGATION,
                symptoms=("error",),
                steps=("kubectl get pods",),
                proved=True,
                gain=gain,
                expires=at(1e6),
            )
        return Evolved(
            incident_id=record.incident_id,
            pattern=Pattern.WRONG_FIX,
            step=1,
            decision=Decision.DROPPED if gain is None else Decision.CORRECTED,
            reason=Reason.LEAKS if gain is None else Reason.PROVED,
            guidance=guidance,
            curriculum=() if gain is None else (DRAWN,),
        )


@dataclass(slots=True)
class Plays:
    """A policy whose candidate solves what the test says."""

    succeeds: Callable[[Job, ModelRef | None], bool]
    sequences: int = 3
    started: list[tuple[ModelRef, Path | None]] = field(default_factory=list)
    fed: list[tuple[int, tuple[Drawn, ...]]] = field(default_factory=list)

    def start(self, base: ModelRef, trainer: Path | None) -> None:
        self.started.append((base, trainer))

    def update(self, incidents: Sequence[Drawn], *, first: int) -> UpdateTold:
        self.fed.append((first, tuple(incidents)))
        return UpdateTold(
            number=len(self.fed),
            episodes=4,
            success=0.5,
            groups=1,
            informative=1,
            sequences=self.sequences,
            tokens=9,
            reward=0.1,
            rewards={"outcome": 0.5},
            loss=0.0,
            grad_norm=1.0,
            kl_reference=0.0,
            kl_rollout=0.0,
            seconds=1.0,
        )

    def export(self, folder: Path) -> ModelRef:
        folder.mkdir(parents=True)
        return NEW.model_copy(update={"location": str(folder)})

    def solve(self, jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        return [told(job, success=self.succeeds(job, model)) for job in jobs]

    def stop(self) -> None:
        """Nothing runs."""


@dataclass(slots=True, kw_only=True)
class Bench:
    """A learner, what it reads and writes, and the steps that were done."""

    learner: Learner
    topic: Topic
    policy: Plays
    steps: list[Step]

    async def turn(self, state: Manifest) -> Manifest:
        return await self.learner.turn(state, await self.learner.read(state))


Make = Callable[..., Bench]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Give the maker of a learner on one folder of checkpoints."""
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:

        def making(
            *gains: float | None,
            succeeds: Callable[[Job, ModelRef | None], bool] = lambda _job, _model: True,
            sequences: int = 3,
        ) -> Bench:
            topic, policy = Topic(), Plays(succeeds, sequences)
            steps: list[Step] = []
            settings = LearnerSettings(updates=2, gates=Gates(most_pairs=20, fewest_pairs=5))

            def tell(step: str, told: str, *, done: int = 0, of: int = 0) -> None:
                assert step and told and done <= max(of, done)

            return Bench(
                learner=Learner(
                    settings=settings,
                    models=tmp_path / "models",
                    checkpoints=checkpoints,
                    source=topic,
                    outcomes=topic,
                    outbox=topic,
                    evolver=Gains(list(gains)),
                    policy=policy,
                    selection=Selection(
                        solver=policy.solve,
                        gates=settings.gates,
                        clock=lambda: at(0),
                        tell=tell,
                    ),
                    clock=lambda: at(0),
                    tell=tell,
                    after=steps.append,
                ),
                topic=topic,
                policy=policy,
                steps=steps,
            )

        yield making


def candidate_wins(job: Job, model: ModelRef | None) -> bool:
    del job
    return model is not None and model.model_id == NEW.model_id


def candidate_loses(job: Job, model: ModelRef | None) -> bool:
    return not candidate_wins(job, model)


async def test_a_turn_goes_through_its_steps_and_promotes_what_is_better(make: Make) -> None:
    bench = make(0.5, succeeds=candidate_wins)
    bench.topic.waiting = ["i"]
    state = await bench.turn(await bench.learner.begin(OLD))
    assert bench.steps == list(Step)
    assert (state.current.model_id, state.previous) == (NEW.model_id, OLD)
    assert state.candidate == state.current
    assert state.watched is not None and state.watched.promised == 1.0
    told = state.turns[-1]
    assert (told.failures, told.corrected, told.promoted) == (1, 1, NEW.model_id)
    assert told.judgement is not None and told.judgement.verdict == "better"
    facts = [event.fact for event in bench.topic.written.values()]
    assert [type(fact) for fact in facts] == [GuidancePublished, ModelPromoted]
    assert bench.learner.checkpoints.latest() is not None
    # the policy began with what served, and trained on different seeds each update
    assert bench.policy.started[0] == (OLD, None)
    assert len({first for first, _ in bench.policy.fed}) == len(bench.policy.fed) == 2


async def test_what_is_not_better_is_neither_promoted_nor_trained_on(make: Make) -> None:
    bench = make(0.5, None, succeeds=candidate_loses)
    bench.topic.waiting = ["i"]
    state = await bench.turn(await bench.learner.begin(OLD))
    assert state.turns[-1].judgement is not None
    assert state.turns[-1].judgement.verdict == "not_better"
    assert (state.current, state.trainer) == (OLD, None)
    bench.topic.waiting.append("j")
    await bench.turn(state)
    assert bench.policy.started[-1] == (OLD, None)


async def test_without_evidence_training_goes_on_from_the_candidate(make: Make) -> None:
    bench = make(0.5, None)
    bench.topic.waiting = ["i"]
    state = await bench.turn(await bench.learner.begin(OLD))
    assert state.turns[-1].judgement is not None
    assert state.turns[-1].judgement.verdict == "insufficient_evidence"
    assert state.current == OLD and state.trainer is not None
    again = make(None)
    again.topic.waiting = ["i", "j"]
    resumed = await again.learner.begin(OLD)
    await again.turn(resumed)
    assert again.policy.started[0] == (OLD, Path(state.trainer))


async def test_an_update_that_learned_nothing_makes_no_candidate(make: Make) -> None:
    bench = make(0.5, succeeds=candidate_wins, sequences=0)
    bench.topic.waiting = ["i"]
    state = await bench.turn(await bench.learner.begin(OLD))
    assert (state.candidate, state.current) == (None, OLD)
    assert state.turns[-1].judgement is None


async def test_nothing_to_learn_from_is_a_turn_all_the_same(make: Make) -> None:
    bench = make()
    state = await bench.turn(await bench.learner.begin(OLD))
    assert (state.number, state.turns[-1].failures, bench.policy.fed) == (1, 0, [])
    found = bench.learner.checkpoints.latest()
    assert found is not None and found[1] == state


async def test_guidance_is_replaced_by_a_higher_gain_only(make: Make) -> None:
    bench = make(0.5, 0.5, 0.2, 0.9)
    bench.topic.waiting = ["i", "j", "k", "l"]
    state = await bench.turn(await bench.learner.begin(OLD))
    assert [guide.gain for guide in bench.topic.guides] == [0.5, 0.9]
    (standing,) = state.guides.values()
    assert standing.guidance_id == "guide-l"
    published = {name: one.guidance_id for name, one in state.ingested.items()}
    assert published == {"i/0": "guide-i", "j/0": None, "k/0": None, "l/0": "guide-l"}


async def test_a_start_pays_what_the_last_one_owed(make: Make) -> None:
    bench = make(0.5, None)
    bench.topic.waiting, bench.topic.away = ["i"], True
    with pytest.raises(Transient):
        await bench.turn(await bench.learner.begin(OLD))
    assert bench.topic.guides == []
    bench.topic.away = False
    state = await bench.learner.begin(OLD)
    assert len(bench.topic.guides) == 1
    assert (await bench.learner.read(state)).failures == ()


def test_recipes_yield_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert demo().updates == 1 < standard().updates
    assert demo().gates.most_pairs <= 16
    monkeypatch.setenv("AOI_LEARN__UPDATES", "3")
    monkeypatch.setenv("AOI_LEARN__GATES", '{"most_pairs": 40}')
    assert (demo().updates, demo().gates.most_pairs) == (3, 40)


def test_a_missing_checkpoint_names_its_variable(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="AOI_LEARN__MODEL"):
        reference(None, "AOI_LEARN__MODEL")
    with pytest.raises(Fatal, match="AOI_LEARN__EVOLVER"):
        reference(tmp_path, "AOI_LEARN__EVOLVER")


async def test_candidates_that_nothing_names_any_more_are_removed(
    make: Make, tmp_path: Path
) -> None:
    bench = make(*[None] * 5, 0.5)
    serving = tmp_path / "models" / "observer-e0-t1"
    serving.mkdir(parents=True)
    current = OLD.model_copy(update={"location": str(serving)})
    state = await bench.learner.begin(current)
    state = state.model_copy(update={"curriculum": (DRAWN,), "number": 1})
    for _ in range(5):
        state = await bench.turn(state)
    left = sorted(folder.name for folder in (tmp_path / "models").iterdir())
    assert left == ["observer-e0-t1", *(f"observer-e1-t{n}" for n in (4, 5, 6))]
    damaged = bench.learner.checkpoints.folder / "000005" / "manifest.json"
    damaged.write_text("{}")
    bench.learner.evolver = Gains([None])
    await bench.turn(state)
    assert "observer-e1-t4" in {folder.name for folder in (tmp_path / "models").iterdir()}


async def test_a_rollback_is_judged_before_anything_is_learned(make: Make) -> None:
    bench = make(0.5, succeeds=candidate_wins)
    bench.topic.waiting = ["i"]
    state = await bench.learner.begin(OLD)
    watched = Watched(model=OLD, previous=NEW, promised=0.9).seen(
        failed(incident_id=IncidentId(f"live-{n}"), model_id=OLD.model_id) for n in range(9)
    )
    state = await bench.turn(state.model_copy(update={"watched": watched, "curriculum": (DRAWN,)}))
    assert (state.current, state.turns[-1].rolled_back) == (NEW, OLD.model_id)
    assert bench.policy.fed == [] and state.turns[-1].failures == 0
    assert (await bench.turn(state)).turns[-1].failures == 1
