"""One turn of the loop, from failures on the topic to guidance and models on theirs.

    [ source ] -> [ evolve ] -> [ train ] -> [ judge ] -> [ checkpoint ] -> [ publish ]
     failures      corrections    updates     candidate      manifest          outbox
        ^           curriculum                against            |
        +--------------- offsets, decisions ----- current -------+

Invariant: the checkpoint is the one moment at which a turn counts. Before it a crash leaves the
state before the turn; behind it the outbox holds what is owed, and every start pays it first. So no
failure is skipped, none is ingested twice, and guidance is published once.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import structlog

from agents.contracts.envelope import Event
from agents.contracts.guidance import GuidancePublished
from agents.contracts.ids import event_id
from agents.contracts.trajectory import TrajectoryRecord
from learner.algorithm import SEEDS
from learner.candidates import folder_of, forget
from learner.checkpoint import Checkpoints, Damaged
from learner.evolver.evolve import Evolved
from learner.incidents import Drawn
from learner.manifest import (
    TURNS_KEPT,
    Decision,
    Guide,
    Ingested,
    Manifest,
    Owed,
    TurnTold,
    UpdateTold,
)
from learner.models import ModelRef
from learner.policy import Policy
from learner.progress import Tell
from learner.promotion import SOURCE
from learner.selection import Selection
from learner.settings import LearnerSettings
from learner.source import Batch, Failure, FailureSource
from streams.outbox import Published

log = structlog.get_logger(__name__)
SEEDS_A_TURN = 1 << 14
CURRICULUM_KEPT = 64


class Step(StrEnum):
    """The steps of a turn, in their order."""

    SOURCE = "source"
    EVOLVE = "evolve"
    TRAIN = "train"
    JUDGE = "judge"
    CHECKPOINT = "checkpoint"
    PUBLISH = "publish"


class Evolves(Protocol):
    """What a turn needs of the Evolver."""

    def evolve(self, record: TrajectoryRecord, *, now: datetime) -> Evolved:
        """Return what a failure gives. Blocks."""
        ...


class Publishes(Protocol):
    """What a turn needs of the outbox."""

    async def publish(self, events: Sequence[Event]) -> Published:
        """Write what is not there yet, in one transaction."""
        ...


@dataclass(slots=True, kw_only=True)
class Learner:
    """Everything of one learner. `after` hears of each step that is done.

    outcomes: all judged trajectories, for the watch over a promoted model.
    """

    settings: LearnerSettings
    models: Path
    checkpoints: Checkpoints
    source: FailureSource
    outcomes: FailureSource
    outbox: Publishes
    evolver: Evolves
    policy: Policy
    selection: Selection
    clock: Callable[[], datetime]
    tell: Tell
    after: Callable[[Step], None] = lambda _: None
    _stands_at: str | None = field(default=None, init=False)

    async def begin(self, current: ModelRef) -> Manifest:
        """Return the manifest to go on from, what it owes paid. `current` serves at the first."""
        found = self.checkpoints.latest()
        if found is None:
            return Manifest(
                number=0,
                epoch=self.checkpoints.epoch,
                written_at=self.clock(),
                current=current,
            )
        await self._publish(found[1])
        return found[1]

    async def turn(self, before: Manifest, batch: Batch) -> Manifest:
        """Take one turn over a batch of failures and return the manifest behind it."""
        number, spent = before.number + 1, _Seconds()
        self.after(Step.SOURCE)
        with spent.of(Step.EVOLVE):
            evolved = await self._evolved(before, batch.failures)
        self.after(Step.EVOLVE)
        state = self._ingested(before, number, batch, evolved)
        with spent.of(Step.TRAIN):
            state, updates = await self._trained(state)
        self.after(Step.TRAIN)
        with spent.of(Step.JUDGE):
            selected = await self.selection.decide(state, updates, ready=self._ready)
        self.after(Step.JUDGE)
        told = TurnTold(
            number=number,
            ended_at=self.clock(),
            failures=len(batch.failures),
            repeats=batch.repeats,
            unreadable=batch.unreadable,
            corrected=sum(one.decision is Decision.CORRECTED for one in evolved),
            dropped=dict(
                Counter(str(one.reason) for one in evolved if one.decision is Decision.DROPPED)
            ),
            updates=updates,
            judgement=selected.told,
            promoted=selected.promoted,
            rolled_back=selected.rolled_back,
            seconds=spent.told,
        )
        state = selected.state.model_copy(
            update={"turns": (*selected.state.turns, told)[-TURNS_KEPT:]}
        )
        self.tell(Step.CHECKPOINT, "writing the manifest")
        await asyncio.to_thread(self._save, state)
        self.after(Step.CHECKPOINT)
        await self._publish(state)
        self.after(Step.PUBLISH)
        return state

    async def read(self, before: Manifest) -> Batch:
        """Return the failures that stand behind the manifest's offsets.

        Where live outcomes call for a rollback there are none: nothing is done before that.
        """
        if self.rollback_due(before):
            self.tell(Step.SOURCE, "waiting until a rollback is judged")
            return Batch(failures=(), offsets=before.offsets, topic_id=before.topic_id)
        self.tell(Step.SOURCE, "reading failures")
        batch = await self.source.read(
            before.offsets,
            frozenset(before.ingested),
            limit=self.settings.failures,
            topic_id=before.topic_id,
        )
        self.tell(Step.SOURCE, f"{len(batch.failures)} new failures")
        return batch

    async def watched(self, before: Manifest) -> Manifest:
        """Return the manifest with the live outcomes of the promoted model since the last look."""
        if before.watched is None:
            return before
        seen = await self.outcomes.read(
            before.watch_offsets, frozenset(), limit=10_000, topic_id=before.watch_topic_id
        )
        records = [one.record for one in seen.failures]
        return before.model_copy(
            update={
                "watched": before.watched.seen(records),
                "watch_offsets": dict(seen.offsets),
                "watch_topic_id": seen.topic_id,
            }
        )

    def rollback_due(self, state: Manifest) -> bool:
        """Return whether live outcomes call for a judgement of the promoted model."""
        return state.watched is not None and state.watched.due(self.selection.tolerance)

    def _save(self, state: Manifest) -> None:
        self.checkpoints.save(state)
        try:
            forget(self.models, self.checkpoints.kept())
        except Damaged as error:
            # what it names is not known, so all stays
            log.warning("candidates kept", reason=str(error))

    async def _ready(self, state: Manifest) -> None:
        """Have the policy stand where the manifest says: at its trainer, else at `current`."""
        wanted = state.trainer or state.current.model_id
        if self._stands_at == wanted:
            return
        self.tell(Step.TRAIN, "starting runners and learner workers")
        trainer = None if state.trainer is None else Path(state.trainer)
        await asyncio.to_thread(self.policy.start, state.current, trainer)
        self._stands_at = wanted

    async def _evolved(self, state: Manifest, failures: Sequence[Failure]) -> list[Evolved]:
        found: list[Evolved] = []
        for number, failure in enumerate(failures):
            self.tell(Step.EVOLVE, "correcting failures", done=number, of=len(failures))
            now = self.clock()
            await self._ready(state)
            found.append(await asyncio.to_thread(self.evolver.evolve, failure.record, now=now))
            log.info(
                "failure_evolved",
                incident=failure.record.incident_id,
                pattern=str(found[-1].pattern),
                decision=str(found[-1].decision),
                reason=str(found[-1].reason),
            )
        proved = sum(one.decision is Decision.CORRECTED for one in found)
        told = f"{proved} of {len(failures)} failures corrected and proved"
        self.tell(Step.EVOLVE, told, done=len(failures), of=len(failures))
        return found

    def _ingested(
        self, before: Manifest, number: int, batch: Batch, evolved: Sequence[Evolved]
    ) -> Manifest:
        """Return the manifest with the batch's decisions, guidance and curriculum."""
        ingested, guides = dict(before.ingested), dict(before.guides)
        owed: list[Owed] = []
        curriculum = list(before.curriculum)
        for failure, one in zip(batch.failures, evolved, strict=True):
            guidance = one.guidance
            if guidance is not None and self._stands(guides.get(guidance.signature), guidance):
                guidance = None
            if guidance is not None:
                owed.append(Owed.of(_event(guidance, failure, self.clock())))
                guides[guidance.signature] = Guide(
                    guidance_id=guidance.guidance_id, gain=guidance.gain, expires=guidance.expires
                )
            ingested[failure.id] = Ingested(
                pattern=str(one.pattern),
                decision=Decision(str(one.decision)),
                reason=str(one.reason),
                turn=number,
                guidance_id=None if guidance is None else guidance.guidance_id,
            )
            curriculum += [drawn for drawn in one.curriculum if drawn not in curriculum]
        return before.model_copy(
            update={
                "number": number,
                "epoch": self.checkpoints.epoch,
                "written_at": self.clock(),
                "offsets": dict(batch.offsets),
                "topic_id": batch.topic_id,
                "ingested": ingested,
                "guides": guides,
                "outbox": tuple(owed),
                "curriculum": tuple(curriculum[-CURRICULUM_KEPT:]),
            }
        )

    def _stands(self, known: Guide | None, new: GuidancePublished) -> bool:
        """Return whether what stands for a signature was proved to gain as much as the new."""
        return known is not None and known.expires > self.clock() and known.gain >= new.gain

    async def _trained(self, state: Manifest) -> tuple[Manifest, tuple[UpdateTold, ...]]:
        """Update the policy on the curriculum; without one there is nothing to learn from."""
        if self.rollback_due(state):
            self.tell(Step.TRAIN, "waiting until a rollback is judged")
            return state, ()
        if not state.curriculum or not self.settings.updates:
            self.tell(Step.TRAIN, "no incidents to train on")
            return state, ()
        await self._ready(state)
        told: list[UpdateTold] = []
        for number in range(self.settings.updates):
            self.tell(Step.TRAIN, "updating the policy", done=number, of=self.settings.updates)
            first = SEEDS + state.number * SEEDS_A_TURN + number * self.settings.groups
            incidents = _turned(state.curriculum, number * self.settings.groups)
            told.append(await asyncio.to_thread(self.policy.update, incidents, first=first))
        self.tell(
            Step.TRAIN,
            f"{len(told)} updates, {told[-1].success:.0%} of rollouts succeeded",
            done=len(told),
            of=len(told),
        )
        if not any(one.sequences for one in told):
            return state, tuple(told)
        folder = folder_of(self.models, state.epoch, state.number)
        candidate = await asyncio.to_thread(self.policy.export, folder)
        self._stands_at = str(folder)
        update = {"candidate": candidate, "trainer": str(folder)}
        return state.model_copy(update=update), tuple(told)

    async def _publish(self, state: Manifest) -> None:
        events = [owed.event(SOURCE) for owed in state.outbox]
        self.tell(Step.PUBLISH, f"{len(events)} facts", done=0, of=len(events))
        done = await self.outbox.publish(events)
        self.tell(Step.PUBLISH, f"{len(events)} facts", done=len(events), of=len(events))
        log.info("published", written=list(done.written), already=list(done.already))


class _Seconds:
    """How long each step took, by its name."""

    def __init__(self) -> None:
        self.told: dict[str, float] = {}

    @contextmanager
    def of(self, step: Step) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.told[str(step)] = round(time.monotonic() - started, 1)


def _event(guidance: GuidancePublished, failure: Failure, now: datetime) -> Event:
    """Return the event of guidance; its id derives from the signature and the failure."""
    return Event(
        id=event_id(guidance.signature, "GuidancePublished", failure.id),
        source=SOURCE,
        time=now,
        key=guidance.signature,
        fact=guidance,
        cause=failure.cause,
    )


def _turned(curriculum: Sequence[Drawn], by: int) -> list[Drawn]:
    """Return the curriculum, newest first, begun at another place each update."""
    newest = list(reversed(curriculum))
    at = by % len(newest)
    return newest[at:] + newest[:at]
