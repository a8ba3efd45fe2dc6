"""The policy under training: RLlib's algorithm behind the few words that a turn needs.

Invariant: what it trains goes on from the folder that the manifest names, weights and optimizer
together, or starts from what serves; nothing of RLlib is written outside of the state folder.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from learner.algorithm import GRPO
from learner.config import GRPOConfig
from learner.incidents import Drawn
from learner.manifest import UpdateTold
from learner.models import ModelRef
from learner.rollout.collect import Job
from learner.samples import Episode
from learner.settings import LearnerSettings


class Policy(Protocol):
    """What a turn trains, and what plays its episodes."""

    def start(self, base: ModelRef, trainer: Path | None) -> None:
        """Begin with what serves, or go on from a folder that `export` wrote."""
        ...

    def update(self, incidents: Sequence[Drawn], *, first: int) -> UpdateTold:
        """Do one update on siblings of these, seeds from `first` on, and tell of it."""
        ...

    def export(self, folder: Path) -> ModelRef:
        """Write the present weights with their optimizer; return their reference."""
        ...

    def solve(self, jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        """Return the episodes of the jobs (a `Solver`)."""
        ...

    def stop(self) -> None:
        """Let runners and learner workers go."""
        ...


class RayPolicy:
    """GRPO on the Ray that this process has joined."""

    def __init__(self, settings: LearnerSettings, scratch: Path) -> None:
        self._settings = settings
        self._scratch = scratch
        self._algorithm: GRPO | None = None
        self._done = 0

    @property
    def algorithm(self) -> GRPO:
        """The running algorithm. Raises RuntimeError before `start`."""
        if self._algorithm is None:
            raise RuntimeError("expected a started policy; call start() first")
        return self._algorithm

    def start(self, base: ModelRef, trainer: Path | None) -> None:
        """Build runners and workers anew. Raises LearnerGroupFailed when they don't come up."""
        self.stop()
        self._scratch.mkdir(parents=True, exist_ok=True)
        algorithm = config_of(self._settings, base, self._scratch).build_algo()
        if not isinstance(algorithm, GRPO):
            raise TypeError(f"expected GRPO, got {type(algorithm)}")
        self._algorithm = algorithm
        if trainer is not None:
            algorithm.resume(trainer)

    def update(self, incidents: Sequence[Drawn], *, first: int) -> UpdateTold:
        """Do one update. Raises NoData without incidents, and what the parts raise."""
        self.algorithm.feed(incidents, first=first)
        self.algorithm.train()  # type: ignore[no-untyped-call]  # RLlib leaves it unannotated
        told = self.algorithm.told
        if told is None:
            raise RuntimeError("expected an update to be told of, got none")
        return told

    def export(self, folder: Path) -> ModelRef:
        """Write weights and optimizer; a folder of that name is replaced."""
        return self.algorithm.export(folder)

    def solve(self, jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        """Return the episodes of the jobs in their order."""
        return self.algorithm.solve(jobs, model)

    def stop(self) -> None:
        """Let everything go; may be called twice."""
        if self._algorithm is not None:
            self._algorithm.stop()  # type: ignore[no-untyped-call]  # likewise
            self._algorithm = None


def config_of(settings: LearnerSettings, base: ModelRef, scratch: Path) -> GRPOConfig:
    """Return RLlib's config of these settings; `base` is where training starts."""
    config = GRPOConfig()
    config.env_runners(num_env_runners=settings.runners)
    config.learners(num_learners=settings.learners, num_gpus_per_learner=settings.gpus_per_learner)
    config.debugging(seed=settings.seed, log_level="WARN")
    learner = config.learner.model_copy(
        update={
            "device": "cuda" if settings.gpus_per_learner else "cpu",
            "threads": settings.threads,
        }
    )
    return config.training(
        model=base.path,
        lr=settings.rate,
        group_size=settings.group_size,
        groups=settings.groups,
        temperature=settings.temperature,
        at_once=settings.at_once,
        runner_threads=settings.threads,
        max_samples=settings.max_samples,
        scratch=scratch,
        learner=learner,
    )
