"""`GRPOConfig`: RLlib's face of the learner.

    config = (
        GRPOConfig()
        .environment("aoi_lab", env_config={"families": ["scaled_to_zero"], "tasks": ["analysis"]})
        .env_runners(num_env_runners=2)
        .learners(num_learners=2)
        .training(model=Path("deploy/models/observer-6m"), lr=1e-4, group_size=8, groups=16)
    )
    algo = config.build_algo()
    algo.train()

Invariant: what RLlib knows a word for is set by RLlib's own methods (runners, learners, lr, seed);
what it has no word for is set by `training`. RLlib's LearnerGroup is never built: ours replaces it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.connectors.connector_pipeline_v2 import ConnectorPipelineV2
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec

from learner.grpo.advantages import AdvantageConfig
from learner.rewards.parts import RewardWeights
from learner.rollout.runner import SPACES, LabEnvRunner
from learner.trainer.config import LearnerConfig
from learner.trainer.group import GroupConfig, LearnerGroup

if TYPE_CHECKING:
    from learner.algorithm import GRPO

ENVIRONMENT = "aoi_lab"


class GRPOConfig(AlgorithmConfig):
    """How to train one policy on lab incidents; see the module for the way to say it.

    model_path: the checkpoint that training starts from. group_size: episodes an incident;
    groups: incidents an update. temperature: of the rollouts. at_once: episodes side by side in
    one runner; runner_threads: torch's threads there. max_samples: decisions an update at most
    (None: all), whole episodes left out at random beyond it. probe_tolerance: how far, in nats,
    a runner's log-probs may lie from the trainer's after a weight sync. scratch: RLlib's own
    folder (None: where RLlib puts it, in the user's home). learner: everything that a learner
    worker is told.
    """

    def __init__(self, algo_class: "type[GRPO] | None" = None) -> None:
        if algo_class is None:
            from learner.algorithm import GRPO  # noqa: PLC0415 - the two name one another

            algo_class = GRPO
        super().__init__(algo_class=algo_class)
        self.model_path = ""
        self.group_size = 8
        self.groups = 16
        self.temperature = 1.0
        self.at_once = 32
        self.runner_threads: int | None = None
        self.max_samples: int | None = None
        self.probe_tolerance = 1e-3
        self.shuffled_rewards = False
        self.scratch: Path | None = None
        self.reward_weights = RewardWeights()
        self.advantage = AdvantageConfig()
        self.learner = LearnerConfig(checkpoint=Path())
        self.environment(ENVIRONMENT, observation_space=SPACES[0], action_space=SPACES[1])
        self.env_runners(
            env_runner_cls=LabEnvRunner,
            num_env_runners=1,
            create_local_env_runner=False,
            # episodes take seconds, an update minutes: RLlib's defaults are for games
            sample_timeout_s=600.0,
        )
        self.fault_tolerance(
            restart_failed_env_runners=True, env_runner_health_probe_timeout_s=60.0
        )
        self.reporting(min_time_s_per_iteration=0, min_sample_timesteps_per_iteration=0)
        super().training(lr=1e-4)

    def training(  # type: ignore[override]  # noqa: PLR0913 - RLlib has its options said by name
        self,
        *,
        model: Path | None = None,
        group_size: int | None = None,
        groups: int | None = None,
        temperature: float | None = None,
        at_once: int | None = None,
        runner_threads: int | None = None,
        max_samples: int | None = None,
        probe_tolerance: float | None = None,
        shuffled_rewards: bool | None = None,
        scratch: Path | None = None,
        reward_weights: RewardWeights | None = None,
        advantage: AdvantageConfig | None = None,
        learner: LearnerConfig | None = None,
        **rllib: Any,  # noqa: ANN401 - RLlib's own options, as it types them
    ) -> Self:
        """Set what is given; the rest stays. `shuffled_rewards` is for control experiments."""
        super().training(**rllib)
        given: Mapping[str, object] = {
            "model_path": None if model is None else str(model),
            "group_size": group_size,
            "groups": groups,
            "temperature": temperature,
            "at_once": at_once,
            "runner_threads": runner_threads,
            "max_samples": max_samples,
            "probe_tolerance": probe_tolerance,
            "shuffled_rewards": shuffled_rewards,
            "scratch": scratch,
            "reward_weights": reward_weights,
            "advantage": advantage,
            "learner": learner,
        }
        for name, value in given.items():
            if value is not None:
                setattr(self, name, value)
        return self

    def learner_config(self) -> LearnerConfig:
        """Return what a learner worker is told: `learner`, with RLlib's own words put in."""
        # RLlib types both by their first default, None
        rate: object = vars(self).get("lr")
        seed: object = vars(self).get("seed")
        return self.learner.model_copy(
            update={
                "checkpoint": Path(self.model_path),
                "reference": self.learner.reference or Path(self.model_path),
                "rate": float(rate) if isinstance(rate, int | float) else self.learner.rate,
                "temperature": self.temperature,
                "seed": seed if isinstance(seed, int) else 0,
            }
        )

    def validate(self) -> None:
        """Raise ValueError for a config that can't train, naming what is expected."""
        super().validate()
        checkpoint = Path(self.model_path) / "config.json"
        if not checkpoint.is_file():
            self._value_error(
                f"expected `.training(model=FOLDER)` with a checkpoint, got {self.model_path!r}"
            )
        if self.group_size < 2:  # noqa: PLR2004 - one has no other to be told against
            self._value_error(f"expected group_size of at least 2, got {self.group_size}")

    # the seams at which ours takes RLlib's place

    def build_learner_group(  # type: ignore[override]  # ours is no subclass of RLlib's
        self, **_: object
    ) -> LearnerGroup:
        """Return our group of learner workers."""
        return LearnerGroup(
            self.learner_config(),
            GroupConfig(
                learners=self.num_learners,
                cpus_per_learner=_number(self.num_cpus_per_learner, default=1.0),
                gpus_per_learner=_number(self.num_gpus_per_learner, default=0.0),
            ),
        )

    def get_multi_rl_module_spec(self, **_: object) -> MultiRLModuleSpec:
        """Return an empty spec: the policy lives in runners and learner workers alone."""
        return MultiRLModuleSpec(rl_module_specs={})

    def build_env_to_module_connector(self, *_: object, **__: object) -> ConnectorPipelineV2:
        """Return a pipeline that does nothing: prompts are made by the Observer's own code."""
        return ConnectorPipelineV2(*SPACES, connectors=[])

    def build_module_to_env_connector(self, *_: object, **__: object) -> ConnectorPipelineV2:
        """Return a pipeline that does nothing: replies are read by the Observer's own code."""
        return ConnectorPipelineV2(*SPACES, connectors=[])


def _number(value: object, *, default: float) -> float:
    """Return RLlib's resource setting, which may be a word such as `auto`."""
    return float(value) if isinstance(value, int | float) else default
