"""What a learner is told: the checkpoint, the loss, the optimizer, and how much fits at once."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from learner.grpo.loss import GRPOLossConfig


class LearnerConfig(BaseModel):
    """One learner.

    checkpoint: the folder that training starts from. reference: the frozen policy of the k3
    divergence, loaded only if beta > 0 (None: the checkpoint; it stays the same one when a later
    state is loaded). iterations: passes over the samples of an update; minibatches: optimizer
    steps a pass. temperature: of the rollouts. micro_tokens: tokens of one forward pass, counting
    padding. precision `bfloat16` is autocast; weights, gradients and optimizer are float32.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: Path
    reference: Path | None = None
    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    loss: GRPOLossConfig = Field(default_factory=GRPOLossConfig)
    rate: float = Field(default=1e-5, gt=0)
    warmup_steps: int = Field(default=0, ge=0)
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = Field(default=0.0, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
    iterations: int = Field(default=1, ge=1)
    minibatches: int = Field(default=1, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    micro_tokens: int = Field(default=8192, ge=1)
    entropy: bool = Field(default=True, description="told in the report; costs one softmax")
    recompute: bool = Field(default=False, description="layers anew in backward, saving memory")
    threads: int | None = Field(
        default=None, ge=1, description="of torch on the CPU; None: its own"
    )
    collective_seconds: float = Field(default=300.0, gt=0, description="limit of one collective")
    seed: int = Field(default=0, ge=0, description="of the order of minibatches")
