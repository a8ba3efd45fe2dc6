"""Decides which model serves after a turn: the candidate, what serves now, or the one before.

Invariant: nothing changes without a paired judgement on fresh incidents. A promoted model is
watched over its live outcomes; where they break its promise the previous one is judged against it,
and only that judgement takes the promotion back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agents.contracts.incident import Task
from agents.contracts.model import ModelPromoted, ModelRolledBack
from learner.evaluation.fresh import fresh
from learner.evaluation.judgement import Judgement, judge
from learner.evaluation.paired import Gates, Verdict
from learner.evolver.grounds import trainable_families
from learner.manifest import JudgementTold, Manifest, Owed, UpdateTold
from learner.models import ModelRef
from learner.progress import Tell
from learner.promotion import Tolerance, as_event, promoted, rolled_back, watch
from learner.rollout.collect import Job, Solver
from learner.samples import Episode

STEP = "judge"
ROLLBACK_LOOK = 1 << 20
"""Added to the turn's number, so that a rollback is judged on incidents of its own."""

Ready = Callable[[Manifest], Awaitable[None]]
"""Has the policy stand where a manifest says, before anything is played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The manifest with the decision in it, and what was decided."""

    state: Manifest
    told: JudgementTold | None = None
    promoted: str | None = None
    rolled_back: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Judges by playing pairs with `solver`."""

    solver: Solver
    gates: Gates
    clock: Callable[[], datetime]
    tell: Tell
    tolerance: Tolerance = field(default_factory=Tolerance)

    async def decide(
        self, state: Manifest, updates: Sequence[UpdateTold], *, ready: Ready
    ) -> Selected:
        """Judge what live outcomes call for, else the candidate that these updates made."""
        if state.watched is not None and state.watched.due(self.tolerance):
            await ready(state)
            return await self._reconsidered(state, state.watched.previous)
        if state.candidate is None or not any(one.sequences for one in updates):
            self.tell(STEP, "no new candidate")
            return Selected(state=state)
        await ready(state)
        return await self._considered(state, state.candidate)

    async def _considered(self, state: Manifest, candidate: ModelRef) -> Selected:
        judgement = await self._compared(candidate, state.current, look=state.number)
        fact = promoted(judgement, candidate)
        if fact is None:
            # what was judged not better is not trained on: the next turn begins with what serves
            keep = judgement.verdict is not Verdict.NOT_BETTER
            kept = state.model_copy(update={"trainer": state.trainer if keep else None})
            return Selected(state=kept, told=told(judgement))
        changed = state.model_copy(
            update={
                "previous": state.current,
                "current": candidate,
                "promoted_at": self.clock(),
                "watched": watch(judgement),
                "watch_offsets": {},
                "outbox": (*state.outbox, self._owed(fact, state.number)),
            }
        )
        return Selected(state=changed, told=told(judgement), promoted=candidate.model_id)

    async def _reconsidered(self, state: Manifest, previous: ModelRef) -> Selected:
        look = ROLLBACK_LOOK + state.number
        judgement = await self._compared(previous, state.current, look=look)
        fact = rolled_back(judgement, previous)
        if fact is None:
            # the lab does not confirm it: what is promised is what was measured now
            measured = {"promised": judgement.whole.current.share, "outcomes": {}}
            watched = None if state.watched is None else state.watched.model_copy(update=measured)
            kept = state.model_copy(update={"watched": watched})
            return Selected(state=kept, told=told(judgement))
        changed = state.model_copy(
            update={
                "current": previous,
                "previous": None,
                "candidate": None,
                "trainer": None,
                "promoted_at": None,
                "watched": None,
                "outbox": (*state.outbox, self._owed(fact, state.number)),
            }
        )
        return Selected(state=changed, told=told(judgement), rolled_back=state.current.model_id)

    async def _compared(self, candidate: ModelRef, current: ModelRef, *, look: int) -> Judgement:
        incidents = fresh(
            candidate, trainable_families(), tuple(Task), self.gates.most_pairs, look=look
        )
        pair = f"{candidate.model_id} against {current.model_id}"
        solver = self._counted(pair)
        self.tell(STEP, pair, done=0, of=self.gates.most_pairs)
        judgement = await asyncio.to_thread(
            judge, solver, candidate, current, incidents, self.gates
        )
        self.tell(
            STEP,
            f"{judgement.verdict}: {judgement.wins} won and {judgement.losses} lost "
            f"of {judgement.pairs} pairs",
            done=judgement.pairs,
            of=judgement.pairs,
        )
        return judgement

    def _counted(self, pair: str) -> Solver:
        """Return the solver that tells how many pairs were played."""
        episodes = 0

        def solve(jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
            nonlocal episodes
            found = self.solver(jobs, model)
            episodes += len(found)
            self.tell(STEP, pair, done=episodes // 2, of=self.gates.most_pairs)
            return found

        return solve

    def _owed(self, fact: ModelPromoted | ModelRolledBack, number: int) -> Owed:
        return Owed.of(as_event(fact, turn=number, time=self.clock()))


def told(judgement: Judgement) -> JudgementTold:
    """Return a judgement as the manifest keeps it."""
    low, high = judgement.interval
    return JudgementTold(
        candidate=judgement.candidate.model_id,
        current=judgement.current.model_id,
        verdict=str(judgement.verdict),
        pairs=judgement.pairs,
        candidate_success=judgement.whole.candidate.share,
        current_success=judgement.whole.current.share,
        difference=judgement.gain,
        low=low,
        high=high,
        violations=judgement.whole.candidate.violations,
        reasons=judgement.refusals,
    )
