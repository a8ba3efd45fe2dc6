"""Where ranks run: in this process, or as Ray actors that share one host.

Invariant: a call returns every rank's answer, or raises the first failure as soon as it is known
and leaves no rank alive.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import ray
from ray.actor import ActorHandle

from learner.trainer.config import LearnerConfig
from learner.trainer.errors import LearnerGroupFailed
from learner.trainer.worker import LearnerWorker


class Workers(Protocol):
    """All ranks of one learner."""

    def call(
        self, method: str, arguments: Sequence[object], *, within: float, first: bool
    ) -> list[object]:
        """Return the answers in the order of ranks (of the first rank only, if asked).

        within: seconds until LearnerGroupFailed, which any error of a rank becomes, too.
        """
        ...

    def end(self) -> None:
        """End all ranks. May be called twice."""
        ...


class LocalWorkers:
    """One rank, this process. A limit of time cannot interrupt it."""

    def __init__(self, config: LearnerConfig, clock: Callable[[], float]) -> None:
        """Load the checkpoint. Raises LearnerGroupFailed."""
        self._worker: LearnerWorker | None = None
        try:
            self._worker = LearnerWorker(config, clock=clock)
        except Exception as error:
            raise _failed("start", 0, error) from error

    def call(
        self, method: str, arguments: Sequence[object], *, within: float, first: bool
    ) -> list[object]:
        """Call the one rank."""
        del within, first
        if self._worker is None:
            raise LearnerGroupFailed(f"{method}: expected a running learner, it has ended")
        try:
            return [getattr(self._worker, method)(*arguments)]
        except Exception as error:
            self.end()
            raise _failed(method, 0, error) from error

    def end(self) -> None:
        """Drop the rank and what it holds."""
        self._worker = None


class ActorWorkers:
    """Ray actors, never restarted one by one: a rank alone has nobody to sum with."""

    def __init__(
        self,
        config: LearnerConfig,
        size: int,
        *,
        cpus: float,
        gpus: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask for the actors; their first call waits until they have met."""
        self._clock = clock
        self._meetings = Path(tempfile.mkdtemp(prefix="aoi-ranks-"))
        actor = ray.remote(num_cpus=cpus, num_gpus=gpus, max_restarts=0, max_task_retries=0)(
            LearnerWorker
        )
        self.actors: list[ActorHandle[LearnerWorker]] = [
            actor.remote(config, rank=rank, size=size, meeting=self._meetings / "file")  # type: ignore[misc]  # ray's stub unites handle and class
            for rank in range(size)
        ]

    def call(
        self, method: str, arguments: Sequence[object], *, within: float, first: bool
    ) -> list[object]:
        """Call the ranks at once; the first error, death or the deadline ends them all."""
        if not self.actors:
            raise LearnerGroupFailed(f"{method}: expected running ranks, they have ended")
        try:
            return self._answers(method, arguments, within, asked=1 if first else len(self.actors))
        except BaseException:  # an interrupt, too: nobody waits for these ranks any more
            self.end()
            raise

    def _answers(
        self, method: str, arguments: Sequence[object], within: float, *, asked: int
    ) -> list[object]:
        deadline = self._clock() + within
        stored = [ray.put(argument) for argument in arguments]
        ranks = {
            getattr(actor, method).remote(*stored): rank
            for rank, actor in enumerate(self.actors[:asked])
        }
        answers: dict[int, object] = {}
        while len(answers) < len(ranks):
            waiting = [one for one, rank in ranks.items() if rank not in answers]
            left = max(0.0, deadline - self._clock())
            ready, _ = ray.wait(waiting, num_returns=1, timeout=left)
            if not ready:
                late = ", ".join(str(ranks[one]) for one in waiting)
                raise LearnerGroupFailed(
                    f"{method}: expected all {len(ranks)} ranks within {within:g} s, missing "
                    f"{late}; look for a rank that hangs, or too few free CPUs or GPUs in Ray"
                )
            for one in ready:
                try:
                    answers[ranks[one]] = ray.get(one)
                except Exception as error:
                    raise _failed(method, ranks[one], error) from error
        return [answers[rank] for rank in sorted(answers)]

    def end(self) -> None:
        """Kill the actors."""
        for actor in self.actors:
            ray.kill(actor, no_restart=True)
        self.actors = []
        shutil.rmtree(self._meetings, ignore_errors=True)


def _failed(method: str, rank: int, error: Exception) -> LearnerGroupFailed:
    """Return the group's error; a cause that Ray wrapped is told by its own name."""
    cause = getattr(error, "cause", None) or error
    told = str(cause).strip().splitlines() or ["no message"]
    return LearnerGroupFailed(f"{method}: rank {rank} failed: {type(cause).__name__}: {told[-1]}")
