"""The policy loss of GRPO and its kin, over [rows, tokens] log-probs.

Invariant: denominators are numbers of the whole step, given by the caller, so that the sum of the
losses of any partition is the loss of the whole. Formulas are those of TRL 1.16, `_compute_loss`.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

LossType = Literal["grpo", "bnpo", "dr_grpo", "dapo", "cispo"]
Correction = Literal["none", "token_truncate", "token_mask", "sequence_truncate", "sequence_mask"]


class GRPOLossConfig(BaseModel):
    """Which loss.

    loss_type: `grpo` means over sequences of means over tokens; `bnpo`, `dapo`: mean over all
    tokens; `dr_grpo`: sum over a constant length; `cispo`: clipped weights, no clipped gradient
    (its epsilon_high is the cap itself). importance_level `sequence` is GSPO. delta: upper bound
    of the unclipped ratio. beta: weight of the k3 divergence from the frozen reference;
    bias_correction multiplies it with the ratio. correction: of the mismatch between what sampled
    and what trains, bounded by [floor, cap]; `truncate` clips a ratio, `mask` drops it.
    mask_truncated: replies that were cut off teach nothing (overlong filtering of DAPO).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss_type: LossType = "dapo"
    importance_level: Literal["token", "sequence"] = "token"
    epsilon_low: float = Field(default=0.2, ge=0)
    epsilon_high: float = Field(default=0.2, ge=0)
    delta: float | None = Field(default=None, gt=0)
    beta: float = Field(default=0.0, ge=0)
    bias_correction: bool = True
    correction: Correction = "sequence_mask"
    correction_cap: float | None = Field(default=3.0, gt=0)
    correction_floor: float | None = Field(default=None, gt=0)
    max_completion_tokens: int = Field(default=256, ge=1, description="the length of dr_grpo")
    mask_truncated: bool = False

    @model_validator(mode="after")
    def _bounds(self) -> "GRPOLossConfig":
        low, high = self.correction_floor, self.correction_cap
        if low is not None and high is not None and low >= high:
            raise ValueError(f"expected correction_floor < correction_cap, got {low} >= {high}")
        if self.correction.endswith("truncate") and low is None and high is None:
            raise ValueError(f"{self.correction} expects a cap or a floor, got neither")
        if self.loss_type == "cispo":
            if self.epsilon_high < 1:
                raise ValueError(f"cispo expects a cap of at least 1, got {self.epsilon_high}")
        elif self.delta is not None and self.delta <= 1 + self.epsilon_high:
            raise ValueError(
                f"expected delta > 1 + epsilon_high = {1 + self.epsilon_high}, got {self.delta}"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Denominators:
    """Numbers of one optimizer step over all ranks. tokens: completion tokens that count."""

    sequences: int
    tokens: int


@dataclass(slots=True, kw_only=True)
class LossSums:
    """Sums over counted tokens, ready to be added over micro-batches and ranks. [] each.

    kl_reference and kl_rollout are k3 divergences in nats; clipped and corrected count tokens
    (a ratio of a whole sequence counts for all its tokens).
    """

    tokens: Tensor
    loss: Tensor
    kl_reference: Tensor
    kl_rollout: Tensor
    clipped_low: Tensor
    clipped_high: Tensor
    corrected: Tensor
    entropy: Tensor

    def stacked(self) -> Tensor:
        """Return the sums as one float64 vector, in the order of the fields. [8]."""
        return torch.stack([getattr(self, name).double() for name in self.__dataclass_fields__])


def names_of_sums() -> tuple[str, ...]:
    """Return the fields of `LossSums` in the order of `stacked`."""
    return tuple(LossSums.__dataclass_fields__)


def policy_loss(  # noqa: PLR0913 - each is one tensor of the formula
    config: GRPOLossConfig,
    denominators: Denominators,
    *,
    logprobs: Tensor,
    mask: Tensor,
    advantages: Tensor,
    old: Tensor | None = None,
    rollout: Tensor | None = None,
    reference: Tensor | None = None,
    entropies: Tensor | None = None,
) -> tuple[Tensor, LossSums]:
    """Return this part's share of the step's loss [] and its sums.

    logprobs (with gradient), mask, old, rollout, reference, entropies: [rows, tokens]; old: of
    the policy before the update, None when this is its first step; rollout: as recorded where
    the model was called. advantages: [rows]. Raises ValueError when beta > 0 has no reference, or
    a correction no rollout.
    """
    mask = mask.to(logprobs.dtype)
    before = logprobs.detach() if old is None else old
    gaps = _where(mask, logprobs - before)
    logs = gaps if config.importance_level == "token" else _means(gaps, mask)
    ratio = torch.exp(logs)
    credit = advantages.to(logprobs.dtype)[:, None]
    losses = _surrogate(config, ratio, credit, logprobs)
    weights = rollout_correction(config, before.detach(), rollout, mask)
    if weights is not None:
        losses = losses * weights
    divergence = _divergence(config, logprobs, reference, mask)
    if divergence is not None:
        weighted = divergence * ratio if config.bias_correction else divergence
        losses = losses + config.beta * weighted
    loss = _reduced(config, denominators, losses.expand_as(mask), mask)
    with torch.no_grad():
        sums = _sums(config, mask, ratio, credit, weights)
        sums.loss = loss.detach()
        if divergence is not None:
            sums.kl_reference = (divergence * mask).sum()
        if rollout is not None:
            sums.kl_rollout = (k3(_where(mask, before - rollout)) * mask).sum()
        if entropies is not None:
            sums.entropy = (entropies * mask).sum()
    return loss, sums


def k3(gaps: Tensor) -> Tensor:
    """Return `exp(x) - x - 1`: Schulman's k3 for x = log p - log q of samples from q."""
    return torch.exp(gaps) - gaps - 1


def rollout_correction(
    config: GRPOLossConfig, before: Tensor, rollout: Tensor | None, mask: Tensor
) -> Tensor | None:
    """Return the weights p_train / p_rollout, bounded: [rows, tokens], [rows, 1], or None."""
    if config.correction == "none":
        return None
    if rollout is None:
        raise ValueError(f"{config.correction} expects the rollout's log-probs, got none")
    gaps = _where(mask, before - rollout)
    if config.correction.startswith("sequence"):
        gaps = gaps.sum(-1, keepdim=True)
    ratio = torch.exp(gaps)
    if config.correction.endswith("truncate"):
        return ratio.clamp(min=config.correction_floor, max=config.correction_cap)
    return ratio.masked_fill(_outside(config, ratio), 0.0)


def _outside(config: GRPOLossConfig, ratio: Tensor) -> Tensor:
    outside = torch.zeros_like(ratio, dtype=torch.bool)
    if config.correction_floor is not None:
        outside |= ratio < config.correction_floor
    if config.correction_cap is not None:
        outside |= ratio > config.correction_cap
    return outside


def _surrogate(config: GRPOLossConfig, ratio: Tensor, credit: Tensor, logprobs: Tensor) -> Tensor:
    if config.loss_type == "cispo":
        return -ratio.clamp(max=config.epsilon_high).detach() * credit * logprobs
    clipped = ratio.clamp(1 - config.epsilon_low, 1 + config.epsilon_high)
    bounded = ratio if config.delta is None else ratio.clamp(max=config.delta)
    return -torch.min(bounded * credit, clipped * credit)


def _divergence(
    config: GRPOLossConfig, logprobs: Tensor, reference: Tensor | None, mask: Tensor
) -> Tensor | None:
    if reference is None:
        if config.beta > 0:
            raise ValueError(f"beta={config.beta} expects the reference's log-probs, got none")
        return None
    return k3(_where(mask, reference - logprobs))


def _reduced(
    config: GRPOLossConfig, denominators: Denominators, losses: Tensor, mask: Tensor
) -> Tensor:
    if config.loss_type == "grpo":
        return _means(losses, mask).sum() / max(1, denominators.sequences)
    total = (losses * mask).sum()
    if config.loss_type == "dr_grpo":
        return total / (max(1, denominators.sequences) * config.max_completion_tokens)
    return total / max(1, denominators.tokens)


def _sums(
    config: GRPOLossConfig, mask: Tensor, ratio: Tensor, credit: Tensor, weights: Tensor | None
) -> LossSums:
    zero = mask.new_zeros(())
    if config.loss_type == "cispo":
        low, high = torch.zeros_like(ratio), (ratio > config.epsilon_high) & (credit > 0)
    else:
        low = (ratio < 1 - config.epsilon_low) & (credit < 0)
        high = (ratio > 1 + config.epsilon_high) & (credit > 0)
    corrected = zero
    if weights is not None:
        touched = weights == 0
        for bound in (config.correction_cap, config.correction_floor):
            if bound is not None and config.correction.endswith("truncate"):
                touched = touched | (weights == bound)
        corrected = (touched * mask).sum()
    return LossSums(
        tokens=mask.sum(),
        loss=zero,
        kl_reference=zero,
        kl_rollout=zero,
        clipped_low=(low * mask).sum(),
        clipped_high=(high * mask).sum(),
        corrected=corrected,
        entropy=zero,
    )


def _where(mask: Tensor, values: Tensor) -> Tensor:
    """Return the values, zero where nothing counts: an exponential there must not overflow."""
    return torch.where(mask > 0, values, torch.zeros_like(values))


def _means(values: Tensor, mask: Tensor) -> Tensor:
    """Return each row's mean over its counted tokens. [rows, 1]."""
    return (values * mask).sum(-1, keepdim=True) / mask.sum(-1, keepdim=True).clamp(min=1.0)
