"""What a pretraining run is: sizes, budgets and places, as recipes that return a config."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from learner.pretrain.network import NetworkConfig
from learner.pretrain.train import TrainConfig


class PretrainConfig(BaseModel):
    """One run. minutes: wall clock for everything; what evaluation and export need is kept free.

    survey: demonstrations that the tokenizer and the guides are made of. limit: demonstrations
    in all (None: generate until training ends). early: share of the training time at which the
    early model is saved (0: none).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: Path
    work: Path | None = Field(default=None, description="shards and states; None: out/work")
    minutes: float = Field(gt=0)
    seed: int = Field(default=0, ge=0)
    workers: int = Field(default=1, ge=1)
    survey: int = Field(default=2000, ge=1)
    limit: int | None = None
    incidents: int = Field(default=256, ge=0, description="of the evaluation")
    at_once: int = Field(default=64, ge=1)
    reserve: float = Field(default=60.0, ge=0, description="seconds for export and evaluation")
    early: float = Field(default=0.0, ge=0, lt=1)
    store: str = Field(default="float32", pattern="^(float32|float16|bfloat16)$")
    network: NetworkConfig = NetworkConfig()
    train: TrainConfig = TrainConfig()

    @property
    def work_folder(self) -> Path:
        """Where a run keeps what nobody needs after it."""
        return self.work or self.out / "work"


def full(
    out: Path, *, minutes: float, seed: int, workers: int, device: str, early: float = 0.0
) -> PretrainConfig:
    """Return the recipe of the shipped model: as many tokens as the time allows."""
    cuda = device.startswith("cuda")
    train = TrainConfig(
        seed=seed,
        device=device,
        batch_tokens=65_536 if cuda else 8192,
        compiled=cuda,
    )
    return PretrainConfig(
        out=out,
        minutes=minutes,
        seed=seed,
        workers=workers,
        train=train,
        early=early,
        survey=3000 if cuda else 800,
        incidents=320 if cuda else 128,
        at_once=256 if cuda else 32,
        reserve=75.0 if cuda else 120.0,
    )


def quick(out: Path, *, seed: int, workers: int) -> PretrainConfig:
    """Return a run that shows that all parts work, on two cores in less than ten minutes."""
    return PretrainConfig(
        out=out,
        minutes=7,
        seed=seed,
        workers=workers,
        survey=150,
        limit=600,
        incidents=24,
        at_once=12,
        reserve=100.0,
        network=NetworkConfig(
            vocabulary=2048, hidden=128, layers=3, heads=2, kv_heads=1, feed_forward=320
        ),
        train=TrainConfig(
            seed=seed, batch_tokens=3072, warmup_steps=60, buffer=512, prompt_share=0.05
        ),
    )
