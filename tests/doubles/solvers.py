"""Solvers without Ray: episodes whose outcome a test decides, or played by real checkpoints."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agents.models.local import LocalModel
from learner.models import ModelRef
from learner.rewards.parts import RewardWeights
from learner.rollout.collect import Job, solve_all
from learner.samples import Episode


def told(job: Job, *, success: bool) -> Episode:
    """Return the episode of a job with this outcome, and nothing else to tell."""
    return Episode(
        drawn=job.drawn,
        trajectory="t",
        group=job.group,
        samples=(),
        success=success,
        rewards={},
        reward=0.0,
        steps=1,
        malformed=0,
        violations=0,
        acts=0,
        prompt_tokens=0,
        completion_tokens=0,
        reason="",
    )


@dataclass(slots=True)
class FakeSolver:
    """Solves what `succeeds` says; remembers what it was asked."""

    succeeds: Callable[[Job], bool]
    calls: list[list[Job]] = field(default_factory=list)

    def __call__(self, jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        self.calls.append(list(jobs))
        return [told(job, success=self.succeeds(job)) for job in jobs]


@dataclass(slots=True)
class LocalSolver:
    """Plays with the checkpoints themselves, in this process; close it when done."""

    models: dict[str, LocalModel] = field(default_factory=dict)

    def __call__(self, jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        assert model is not None
        return asyncio.run(solve_all(self.of(model), jobs, weights=RewardWeights()))

    def of(self, model: ModelRef) -> LocalModel:
        """Return a checkpoint, loaded once."""
        if model.digest not in self.models:
            self.models[model.digest] = LocalModel(model.path)
        return self.models[model.digest]

    def close(self) -> None:
        """Let the checkpoints go."""
        for model in self.models.values():
            model.close()
