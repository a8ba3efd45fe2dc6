"""What an update tells: the same numbers on every rank, over all ranks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from learner.grpo.loss import LossSums, names_of_sums


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReport:
    """One update.

    sequences, tokens: samples, and their completion tokens that count in the loss; read_tokens:
    prompts included. steps: optimizer steps taken, 0 if there was nothing to learn (`note` says
    why); step: taken since the first checkpoint. loss: mean over the steps; grad_norm: the
    largest, before clipping. kl_reference, kl_rollout (between what sampled and the trainer before
    the update), entropy: nats a token. clipped, corrected: shares of tokens. moved: the largest
    change of a weight. digest: of the weights after it. seconds: on the slowest rank known.
    """

    sequences: int
    tokens: int
    read_tokens: int
    steps: int
    step: int
    loss: float
    grad_norm: float
    kl_reference: float
    kl_rollout: float
    clipped: float
    corrected: float
    entropy: float
    moved: float
    rate: float
    digest: str
    seconds: float
    note: str = ""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What is added up while an update runs. sums: over ranks already."""

    sums: Tensor
    steps: int = 0
    passes: int = 0
    grad_norm: float = 0.0
    rate: float = 0.0
    moved: float = 0.0
    digest: str = ""

    @classmethod
    def empty(cls, device: torch.device) -> "Tally":
        """Return a tally of nothing."""
        return cls(sums=no_sums(device))

    def add(self, sums: Tensor, grad_norm: float) -> None:
        """Add one optimizer step's sums over all ranks."""
        self.sums += sums
        self.passes += 1
        self.grad_norm = max(self.grad_norm, grad_norm)

    def means(self) -> dict[str, float]:
        """Return what the report tells a token, and the mean loss of the passes."""
        sums = dict(zip(names_of_sums(), self.sums.tolist(), strict=True))
        tokens = max(1.0, sums["tokens"])
        return {
            "loss": sums["loss"] / max(1, self.passes),
            "kl_reference": sums["kl_reference"] / tokens,
            "kl_rollout": sums["kl_rollout"] / tokens,
            "clipped": (sums["clipped_low"] + sums["clipped_high"]) / tokens,
            "corrected": sums["corrected"] / tokens,
            "entropy": sums["entropy"] / tokens,
        }


def no_sums(device: torch.device) -> Tensor:
    """Return the vector of `LossSums.stacked` for nothing."""
    return torch.zeros(len(LossSums.__dataclass_fields__), dtype=torch.float64, device=device)
