"""`GRPO(Algorithm)`: one update is one `train()`.

     feed(incidents)                     +----------- weights, then a probe ----------+
          |                              v                                            |
    [ incidents ] --jobs--> [ LabEnvRunner x M ] --episodes--> [ advantages ] --> [ LearnerGroup ]
      G episodes each          lab + local model                  by group           N ranks

Invariant: an update is told by what it did; without incidents it raises `NoData` instead of
pretending. After each update the runners' log-probs of a probe equal the trainer's, or it fails.
"""

import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Protocol, TypeVar, cast

from ray.rllib.algorithms.algorithm import Algorithm

from agents.contracts.incident import Task
from agents.worker import AoiError
from learner.config import GRPOConfig
from learner.grpo.advantages import credited, informative_groups
from learner.incidents import Drawn, paired
from learner.manifest import UpdateTold
from learner.models import ModelRef, reference_of
from learner.rollout.collect import Job, grouped
from learner.rollout.runner import WEIGHTS_NAME, LabEnvRunner
from learner.samples import Episode, Sample
from learner.trainer.group import LearnerGroup
from learner.trainer.weights import same_logprobs

T = TypeVar("T")
SEEDS = 1 << 40
"""Training incidents are drawn from here on: not demonstrations (1 << 32), not evaluation."""
SEEDS_A_RUN = 1 << 26
TRIES = 3


class Runners(Protocol):
    """What of RLlib's `EnvRunnerGroup` is used here, with the types that ours have."""

    local_env_runner: LabEnvRunner

    def num_remote_env_runners(self) -> int:
        """Return how many runners are actors; 0: the one runner is in this process."""
        ...

    def healthy_env_runner_ids(self) -> list[int]:
        """Return the ids of the actors that answer."""
        ...

    def probe_unhealthy_env_runners(self) -> list[int]:
        """Return the ids of the actors that were made anew."""
        ...

    def foreach_env_runner(
        self,
        func: Callable[[LabEnvRunner], T] | list[Callable[[LabEnvRunner], T]],
        *,
        local_env_runner: bool,
        timeout_seconds: float | None,
        remote_worker_ids: list[int] | None = None,
    ) -> list[T]:
        """Return what the actors answer to one function each, or one for all; not the dead."""
        ...


class NoData(AoiError):
    """There is nothing to train on."""


class RolloutsFailed(AoiError):
    """Runners died again and again under the same jobs."""


class GRPO(Algorithm):
    """Trains one policy. `told` of the last update; `solve` runs any job on the runners."""

    told: UpdateTold | None = None
    _fed: tuple[Drawn, ...] = ()
    _updates: int = 0
    _first: int | None = None
    _weights: int = 0

    @property
    def settings(self) -> GRPOConfig:
        """The config, as what it is."""
        return cast("GRPOConfig", self.config)

    @property
    def learners(self) -> LearnerGroup:
        """The learner workers."""
        return cast("LearnerGroup", self.learner_group)

    @property
    def runners(self) -> Runners:
        """The environment runners."""
        return cast("Runners", self.env_runner_group)

    @classmethod
    def get_default_config(cls) -> GRPOConfig:
        """Return the defaults."""
        return GRPOConfig(algo_class=cls)

    def feed(self, incidents: Sequence[Drawn], *, first: int | None = None) -> None:
        """Train on siblings of these from the next update on.

        first: the seed of the next update's first sibling; None goes on from the last update's.
        """
        self._fed = tuple(incidents)
        self._first = self._first if first is None else first

    def solve(self, jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        """Return the episodes of the jobs in their order (a `Solver`). Raises RolloutsFailed."""
        found: dict[int, Episode] = {}
        for _ in range(TRIES):
            missing = [number for number in range(len(jobs)) if number not in found]
            if not missing:
                break
            found |= self._played(jobs, missing, model)
        if len(found) < len(jobs):
            raise RolloutsFailed(
                f"expected {len(jobs)} episodes, got {len(found)} in {TRIES} tries; "
                "see the logs of the Ray session"
            )
        return [found[number] for number in range(len(jobs))]

    def training_step(self) -> None:
        """Roll out, compare, update, hand the weights on."""
        started = time.monotonic()
        incidents = self._incidents()
        seed = incidents[0].seed
        episodes = self.solve(
            grouped(
                incidents,
                self.settings.group_size,
                temperature=self.settings.temperature,
                seed=seed,
            )
        )
        rng = random.Random(seed)  # noqa: S311 - which samples, no secret
        judged = _shuffled(episodes, rng) if self.settings.shuffled_rewards else episodes
        samples = _bounded(
            credited(judged, self.settings.advantage), self.settings.max_samples, rng
        )
        report = self.learners.update(samples)
        self._updates += 1
        if report.sequences:
            self._sync(samples)
        self.told = UpdateTold(
            number=self._updates,
            episodes=len(episodes),
            success=fmean(episode.success for episode in episodes),
            groups=len(incidents),
            informative=len(
                informative_groups(
                    [episode.success for episode in judged],
                    [episode.group for episode in judged],
                    self.settings.advantage,
                )
            ),
            sequences=report.sequences,
            tokens=report.tokens,
            reward=fmean(episode.reward for episode in episodes),
            rewards={
                name: fmean(episode.rewards[name] for episode in episodes)
                for name in episodes[0].rewards
            },
            loss=report.loss,
            grad_norm=report.grad_norm,
            kl_reference=report.kl_reference,
            kl_rollout=report.kl_rollout,
            seconds=time.monotonic() - started,
        )
        self._log(self.told)

    def export(self, folder: Path) -> ModelRef:
        """Write the policy with its optimizer as a checkpoint that serves; return its reference.

        A folder of that name is replaced: an earlier try left it.
        """
        shutil.rmtree(folder, ignore_errors=True)
        self.learners.save(folder)
        return reference_of(folder)

    def resume(self, folder: Path) -> None:
        """Go on from what `export` wrote, whatever the number of learners then was."""
        self.learners.load(folder)
        self._hand_weights()

    def _setup_logdir(self) -> None:
        """Give RLlib a folder: Tune's where Tune runs it, else `scratch`."""
        scratch = self.settings.scratch
        if self._storage is not None or scratch is None:
            super()._setup_logdir()  # type: ignore[no-untyped-call]  # RLlib's own
            return
        scratch.mkdir(parents=True, exist_ok=True)
        vars(self)["_logdir"] = str(scratch)

    def _log(self, told: UpdateTold) -> None:
        """Hand the numbers to RLlib's metrics, where callbacks and Tune find them."""
        if self.metrics is None:
            return
        for name, value in told.model_dump(exclude={"rewards", "number"}).items():
            self.metrics.log_value(("update", name), value, window=1)
        for name, value in told.rewards.items():
            self.metrics.log_value(("update", "rewards", name), value, window=1)

    def _incidents(self) -> list[Drawn]:
        """Return the incidents of this update: what was fed, else what `env_config` names."""
        first = (
            SEEDS + _number(self.settings.seed) * SEEDS_A_RUN
            if self._first is None
            else self._first
        )
        self._first = first + self.settings.groups
        if self._fed:
            return [
                self._fed[number % len(self._fed)].model_copy(
                    update={"seed": first + number, "healthy": None}
                )
                for number in range(self.settings.groups)
            ]
        families = self.settings.env_config.get("families")
        if not families:
            raise NoData(
                "expected incidents to train on, got none: call `algo.feed(...)`, or name "
                '`.environment(env_config={"families": [...]})`'
            )
        tasks = [Task(task) for task in self.settings.env_config.get("tasks", tuple(Task))]
        return paired(list(families), tasks, self.settings.groups, first=first)

    def _played(
        self, jobs: Sequence[Job], numbers: Sequence[int], model: ModelRef | None
    ) -> dict[int, Episode]:
        """Deal the jobs to the healthy runners; what a dead one had is missing in the answer."""
        group = self.runners
        if group.num_remote_env_runners() == 0:
            episodes = group.local_env_runner.solve([jobs[number] for number in numbers], model)
            return dict(zip(numbers, episodes, strict=True))
        restored = group.probe_unhealthy_env_runners()
        if restored:
            self._hand_weights()
        ids = group.healthy_env_runner_ids()
        if not ids:
            time.sleep(1.0)
            return {}
        shares = [list(numbers[at :: len(ids)]) for at in range(len(ids))]
        work = [_share([(number, jobs[number]) for number in share], model) for share in shares]
        answers = group.foreach_env_runner(
            work,
            remote_worker_ids=ids,
            local_env_runner=False,
            timeout_seconds=self.settings.sample_timeout_s,
        )
        return {number: episode for answer in answers for number, episode in answer}

    def _sync(self, samples: Sequence[Sample]) -> None:
        """Give the runners the new weights; then compare a probe's log-probs there and here."""
        self._weights += 1
        self._hand_weights()
        probe = min(samples, key=lambda sample: sample.tokens)
        expected = self.learners.logprobs([probe])
        actual = self.runners.foreach_env_runner(
            _score(probe),
            local_env_runner=self.runners.num_remote_env_runners() == 0,
            timeout_seconds=self.settings.sample_timeout_s,
        )
        for told in actual:
            same_logprobs(expected, [told], self.settings.probe_tolerance)

    def _hand_weights(self) -> None:
        weights: dict[str, object] = dict(self.learners.weights())
        weights[WEIGHTS_NAME] = f"policy@{self._weights}"
        self.runners.foreach_env_runner(
            lambda runner: runner.set_state({"rl_module": weights}),
            local_env_runner=self.runners.num_remote_env_runners() == 0,
            timeout_seconds=self.settings.sample_timeout_s,
        )


def _share(
    jobs: Sequence[tuple[int, Job]], model: ModelRef | None
) -> Callable[[LabEnvRunner], list[tuple[int, Episode]]]:
    def work(runner: LabEnvRunner) -> list[tuple[int, Episode]]:
        episodes = runner.solve([job for _, job in jobs], model)
        return [(number, one) for (number, _), one in zip(jobs, episodes, strict=True)]

    return work


def _score(probe: Sample) -> Callable[[LabEnvRunner], list[float]]:
    return lambda runner: runner.score(probe.prompt_ids, probe.completion_ids)


def _number(seed: object) -> int:
    return seed if isinstance(seed, int) else 0


def _shuffled(episodes: Sequence[Episode], rng: random.Random) -> list[Episode]:
    """Return the episodes with rewards and successes dealt anew: what no policy can learn from."""
    order = list(range(len(episodes)))
    rng.shuffle(order)
    return [
        replace(episode, reward=episodes[at].reward, success=episodes[at].success)
        for episode, at in zip(episodes, order, strict=True)
    ]


def _bounded(samples: list[Sample], most: int | None, rng: random.Random) -> list[Sample]:
    """Return at most that many samples, drawn evenly from all, in their order."""
    if most is None or len(samples) <= most:
        return samples
    kept = sorted(rng.sample(range(len(samples)), most))
    return [samples[number] for number in kept]
