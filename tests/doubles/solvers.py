"""Solvers without a model: episodes whose outcome a test decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from learner.models import ModelRef
from learner.rollout.collect import Job
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
