"""The EnvRunner of RLlib that plays lab incidents with the policy that is being trained.

Invariant: weights arrive whole and under a name; an episode is played by one set of weights from
its first step to its last, because new ones are taken only while nothing runs. A dead runner is
made anew by RLlib and gets the newest weights before it plays again.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import gymnasium
import ray
from ray.rllib.core import COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.env import INPUT_ENV_SPACES
from ray.rllib.env.env_runner import EnvRunner
from ray.rllib.utils.checkpoints import Checkpointable

from agents.models.local import LocalModel
from learner.models import ModelRef, reference_of
from learner.rollout.collect import Job, solve_all
from learner.samples import Episode

if TYPE_CHECKING:
    from torch import Tensor

    from learner.config import GRPOConfig

OTHERS_KEPT = 2
WEIGHTS_NAME = "aoi_weights_name"
PROMPT_CHARS = 100_000
SPACES = (
    gymnasium.spaces.Text(PROMPT_CHARS),
    gymnasium.spaces.Text(PROMPT_CHARS),
)
"""What goes in and out is text; RLlib wants to be told of spaces."""


class WeightsChanged(RuntimeError):
    """A checkpoint's folder no longer holds the weights that its reference names."""


class LabEnvRunner(EnvRunner, Checkpointable):
    """Plays jobs. `config` is a GRPOConfig."""

    def __init__(self, *, config: "GRPOConfig", **kwargs: object) -> None:
        super().__init__(config=config, **kwargs)
        self._settings = config
        self.policy = LocalModel(
            Path(config.model_path), max_batch=config.at_once, threads=config.runner_threads
        )
        self._others: dict[str, LocalModel] = {}

    def solve(self, jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        """Return the episodes of the jobs, played by the policy or by another checkpoint.

        Raises WeightsChanged when that checkpoint is not what its reference says.
        """
        player = self.policy if model is None else self._other(model)
        return asyncio.run(
            solve_all(
                player,
                jobs,
                weights=self._settings.reward_weights,
                at_once=self._settings.at_once,
            )
        )

    def score(self, prompt: Sequence[int], completion: Sequence[int]) -> list[float]:
        """Return the policy's log-prob of each completion id: the probe after a weight sync.

        It is of the tempered distribution, which is the one that is sampled from and trained.
        """
        temperature = self._settings.temperature
        return asyncio.run(self.policy.score(prompt, completion, temperature=temperature))

    def take(self, weights: "Mapping[str, Tensor]", name: str) -> None:
        """Play with these weights from now on."""
        asyncio.run(self.policy.assign(weights, name))

    def _other(self, model: ModelRef) -> LocalModel:
        found = self._others.pop(model.model_id, None)
        if found is None:
            actual = reference_of(Path(model.location))
            if actual.digest != model.digest:
                raise WeightsChanged(
                    f"expected {model.digest} in {model.location}, found {actual.digest}"
                )
            while len(self._others) >= OTHERS_KEPT:
                self._others.pop(next(iter(self._others))).close()
            found = LocalModel(Path(model.location), max_batch=self._settings.at_once)
        self._others[model.model_id] = found
        return found

    # what RLlib asks of a runner

    def sample(self, *, jobs: Sequence[Job] = (), **_: object) -> list[Episode]:
        """Return the episodes of the jobs, played by the policy."""
        return self.solve(jobs)

    def get_spaces(self) -> dict[str, tuple[gymnasium.Space[str], gymnasium.Space[str]]]:
        """Return text spaces: prompts in, replies out."""
        return {INPUT_ENV_SPACES: SPACES, DEFAULT_MODULE_ID: SPACES}

    def assert_healthy(self) -> None:
        """Raise AssertionError unless there is a policy."""
        assert self.policy.model_id  # noqa: S101 - the protocol's own word for it

    def get_metrics(self) -> object:
        """Return RLlib's reduced metrics; ours are in the episodes."""
        return self.metrics.reduce()

    def get_state(
        self,
        components: str | Collection[str] | None = None,
        *,
        not_components: str | Collection[str] | None = None,
        **_: object,
    ) -> dict[str, object]:
        """Return nothing: weights belong to the learners, episodes to nobody but their caller."""
        del components, not_components
        return {}

    def set_state(self, state: Mapping[str, object]) -> None:
        """Take weights where there are some (`rl_module`, an object reference or a mapping)."""
        found = state.get(COMPONENT_RL_MODULE)
        if isinstance(found, ray.ObjectRef):
            found = ray.get(found)
        if isinstance(found, Mapping) and found:
            weights = dict(found)
            name = str(weights.pop(WEIGHTS_NAME, "policy"))
            self.take(cast("Mapping[str, Tensor]", weights), name)

    def get_ctor_args_and_kwargs(self) -> tuple[tuple[object, ...], dict[str, object]]:
        """Return what builds such a runner again."""
        return (), {"config": self._settings}

    def get_metadata(self) -> dict[str, object]:
        """Return RLlib's metadata."""
        found: dict[str, object] = super().get_metadata()
        return found

    def stop(self) -> None:
        """End the models' threads."""
        for model in (self.policy, *self._others.values()):
            model.close()
