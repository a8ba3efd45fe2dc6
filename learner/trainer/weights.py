"""Weights between processes: taken, told apart, applied, and checked where they serve.

Invariant: what is applied is complete and of the same shapes, or nothing is; the head, tied to
the embedding, is never sent.
"""

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import Module

from learner.trainer.errors import WeightSyncMismatch

TIED = "lm_head.weight"


def weights_of(network: Module) -> dict[str, Tensor]:
    """Return copies of the weights on the CPU, in their precision, by name."""
    return {
        name: value.detach().to("cpu", copy=True)
        for name, value in network.state_dict().items()
        if name != TIED
    }


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 over names, shapes, precision and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        if name == TIED:
            continue
        value = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@torch.no_grad()
def apply(network: Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights into a network, in its own precision and on its own device.

    Raises WeightSyncMismatch for missing, unknown or differently shaped weights, before any copy.
    """
    ours = {name: value for name, value in network.state_dict().items() if name != TIED}
    given = {name: value for name, value in weights.items() if name != TIED}
    if ours.keys() != given.keys():
        raise WeightSyncMismatch(
            f"expected the {len(ours)} weights of the network, missing "
            f"{sorted(ours.keys() - given.keys())[:3]}, unknown "
            f"{sorted(given.keys() - ours.keys())[:3]}"
        )
    for name, value in ours.items():
        if value.shape != given[name].shape:
            raise WeightSyncMismatch(
                f"expected {name} of {tuple(value.shape)}, got {tuple(given[name].shape)}"
            )
    for name, value in ours.items():
        value.copy_(given[name])


def same_logprobs(
    expected: Sequence[Sequence[float]], actual: Sequence[Sequence[float]], tolerance: float
) -> float:
    """Return the largest difference between a probe's log-probs here and there, in nats.

    expected: the trainer's; actual: of what serves. Raises WeightSyncMismatch if the difference
    is above the tolerance, is no number, or the shapes differ.
    """
    if [len(one) for one in expected] != [len(one) for one in actual]:
        raise WeightSyncMismatch(
            f"expected log-probs of lengths {[len(one) for one in expected]}, "
            f"got {[len(one) for one in actual]}"
        )
    worst = 0.0
    for number, (ours, theirs) in enumerate(zip(expected, actual, strict=True)):
        for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            gap = abs(one - other)
            if not gap <= tolerance:
                raise WeightSyncMismatch(
                    f"probe {number}, token {place}: expected a log-prob of {one:.6f} within "
                    f"{tolerance}, got {other:.6f}; the serving model does not hold the weights "
                    "that were trained"
                )
            worst = max(worst, gap)
    return worst
