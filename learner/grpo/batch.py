"""From samples to tensors: shards of even token counts, micro-batches within a token budget.

Invariant: the plan depends only on the samples, the number of ranks and the budget; every sample
is in exactly one micro-batch; every rank has as many micro-batches, filled up with dummies whose
mask is zero, so that collectives always pair, for any number of sequences.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from learner.grpo.loss import Denominators

if TYPE_CHECKING:  # samples know the lab, which a training machine may lack
    from learner.samples import Sample

Plan = tuple[tuple[tuple[int, ...], ...], ...]
"""[rank][micro-batch] -> numbers of samples; an empty micro-batch is a dummy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatch:
    """Rows of one forward pass, padded on the right.

    ids: [rows, width]. places: where, in the flat [rows * width] hidden states, a completion
    token is told. targets: these tokens' ids. cells: their places in the flat [rows, tokens]
    grid. mask: [rows, tokens], what counts in the loss. advantages: [rows]. rollout: [rows,
    tokens] log-probs as recorded. samples: the numbers of the rows' samples.
    """

    ids: Tensor
    places: Tensor
    targets: Tensor
    cells: Tensor
    mask: Tensor
    advantages: Tensor
    rollout: Tensor
    samples: tuple[int, ...]

    def to(self, device: torch.device) -> "MicroBatch":
        """Return the same rows on that device."""
        if self.ids.device == device:
            return self
        moved = {
            name: getattr(self, name).to(device, non_blocking=True)
            for name in self.__dataclass_fields__
            if name != "samples"
        }
        return MicroBatch(samples=self.samples, **moved)


def check(samples: Sequence["Sample"]) -> None:
    """Raise ValueError for samples that no trainer can read, telling which and why."""
    for number, sample in enumerate(samples):
        told = f"sample {number} of trajectory {sample.trajectory!r}"
        if not sample.prompt_ids or not sample.completion_ids:
            raise ValueError(f"{told}: expected a prompt and a completion, got none")
        if len(sample.logprobs) != len(sample.completion_ids):
            raise ValueError(
                f"{told}: expected {len(sample.completion_ids)} log-probs, "
                f"got {len(sample.logprobs)}"
            )
        if not math.isfinite(math.fsum(sample.logprobs)) or max(sample.logprobs) > 1e-3:  # noqa: PLR2004 - rounding
            raise ValueError(f"{told}: expected finite log-probs of at most 0")
        if not math.isfinite(sample.advantage):
            raise ValueError(f"{told}: expected a finite advantage, got {sample.advantage}")


def shards(lengths: Sequence[int], *, ranks: int) -> list[list[int]]:
    """Return the numbers of the samples of each rank; the longest go first to the emptiest.

    lengths: tokens of each sample. Ties go to the lower rank and number, so the same lengths give
    the same shards everywhere.
    """
    found: list[list[int]] = [[] for _ in range(ranks)]
    loads = [0] * ranks
    for number in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        rank = min(range(ranks), key=lambda one: (loads[one], one))
        found[rank].append(number)
        loads[rank] += lengths[number]
    return found


def micro_batches(
    numbers: Sequence[int], lengths: Sequence[int], *, tokens: int
) -> list[tuple[int, ...]]:
    """Return groups of like length, each within `tokens` counting padding (or one sample long)."""
    found: list[tuple[int, ...]] = []
    group: list[int] = []
    for number in sorted(numbers, key=lambda one: (-lengths[one], one)):
        if group and lengths[group[0]] * (len(group) + 1) > tokens:
            found.append(tuple(group))
            group = []
        group.append(number)
    if group:
        found.append(tuple(group))
    return found


def plan(lengths: Sequence[int], *, ranks: int, tokens: int) -> Plan:
    """Return who computes what; no micro-batch at all when there are no samples.

    Raises ValueError for less than one rank or token.
    """
    if ranks < 1 or tokens < 1:
        raise ValueError(f"expected at least one rank and one token, got {ranks} and {tokens}")
    cut = [
        micro_batches(numbers, lengths, tokens=tokens) for numbers in shards(lengths, ranks=ranks)
    ]
    count = max(map(len, cut))
    return tuple((*groups, *((),) * (count - len(groups))) for groups in cut)


def counts(sample: "Sample", *, end_ids: frozenset[int], mask_truncated: bool) -> int:
    """Return how many tokens of a sample count in the loss: all, or none if it was cut off."""
    if mask_truncated and sample.completion_ids[-1] not in end_ids:
        return 0
    return len(sample.completion_ids)


def denominators(
    samples: Sequence["Sample"], *, end_ids: frozenset[int], mask_truncated: bool
) -> Denominators:
    """Return the numbers that the loss of these samples is divided by, on whatever ranks."""
    return Denominators(
        sequences=len(samples),
        tokens=sum(
            counts(sample, end_ids=end_ids, mask_truncated=mask_truncated) for sample in samples
        ),
    )


def collate(
    samples: Sequence["Sample"],
    numbers: Sequence[int],
    *,
    pad_id: int,
    end_ids: frozenset[int] = frozenset(),
    mask_truncated: bool = False,
) -> MicroBatch:
    """Return those samples as one micro-batch on the CPU; no numbers give a dummy.

    The last id of a completion is never read, only told. A dummy is one row of two padding ids.
    """
    if not numbers:
        return _dummy(pad_id)
    rows = [samples[number] for number in numbers]
    width = max(len(row.prompt_ids) + len(row.completion_ids) - 1 for row in rows)
    longest = max(len(row.completion_ids) for row in rows)
    ids = torch.full((len(rows), width), pad_id, dtype=torch.int64)
    mask = torch.zeros(len(rows), longest)
    rollout = torch.zeros(len(rows), longest)
    places: list[int] = []
    targets: list[int] = []
    cells: list[int] = []
    for at, row in enumerate(rows):
        whole = (*row.prompt_ids, *row.completion_ids[:-1])
        size = len(row.completion_ids)
        ids[at, : len(whole)] = torch.tensor(whole, dtype=torch.int64)
        start = at * width + len(row.prompt_ids) - 1
        places.extend(range(start, start + size))
        targets.extend(row.completion_ids)
        cells.extend(range(at * longest, at * longest + size))
        rollout[at, :size] = torch.tensor(row.logprobs)
        mask[at, : counts(row, end_ids=end_ids, mask_truncated=mask_truncated)] = 1.0
    return MicroBatch(
        ids=ids,
        places=torch.tensor(places),
        targets=torch.tensor(targets),
        cells=torch.tensor(cells),
        mask=mask,
        advantages=torch.tensor([row.advantage for row in rows]),
        rollout=rollout,
        samples=tuple(numbers),
    )


def _dummy(pad_id: int) -> MicroBatch:
    return MicroBatch(
        ids=torch.full((1, 2), pad_id, dtype=torch.int64),
        places=torch.zeros(1, dtype=torch.int64),
        targets=torch.full((1,), pad_id, dtype=torch.int64),
        cells=torch.zeros(1, dtype=torch.int64),
        mask=torch.zeros(1, 1),
        advantages=torch.zeros(1),
        rollout=torch.zeros(1, 1),
        samples=(),
    )
