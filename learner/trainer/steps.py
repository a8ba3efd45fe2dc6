"""What a rank computes in each optimizer step of an update.

Invariant: the cut depends on samples, configuration and the step's number only, so all ranks, and
a resumed run, cut alike; denominators are of the whole step, over all ranks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from torch import Tensor

from learner.grpo.batch import MicroBatch, collate, denominators, plan
from learner.grpo.loss import Denominators
from learner.trainer.config import LearnerConfig
from learner.trainer.ranks import Ranks

if TYPE_CHECKING:  # samples know the lab, which a training machine may lack
    from learner.samples import Sample


@dataclass(slots=True, kw_only=True)
class Step:
    """This rank's share of one optimizer step.

    old, reference: log-probs [rows, tokens] a micro-batch, of the policy before the update and of
    the reference; None where they are not needed.
    """

    denominators: Denominators
    batches: list[MicroBatch]
    old: list[Tensor | None]
    reference: list[Tensor | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutter:
    """Cuts samples into steps and micro-batches. pad_id, end_ids: of the network."""

    config: LearnerConfig
    pad_id: int
    end_ids: frozenset[int]

    def steps(self, samples: Sequence["Sample"], ranks: Ranks, *, number: int) -> list[Step]:
        """Return this rank's part of each step; with several, the seed and `number` shuffle."""
        numbers = list(range(len(samples)))
        count = min(self.config.minibatches, len(samples))
        if count > 1:
            Random(f"{self.config.seed}/{number}").shuffle(numbers)  # noqa: S311 - an order
        found = []
        for at in range(count):
            ours = [samples[one] for one in numbers[at::count]]
            shares = plan(
                [sample.tokens for sample in ours],
                ranks=ranks.size,
                tokens=self.config.micro_tokens,
            )
            batches = [self.batch(ours, share) for share in shares[ranks.rank]]
            found.append(
                Step(
                    denominators=self.denominators(ours),
                    batches=batches,
                    old=[None] * len(batches),
                    reference=[None] * len(batches),
                )
            )
        return found

    def alone(self, samples: Sequence["Sample"]) -> list[MicroBatch]:
        """Return all samples in micro-batches of one rank."""
        lengths = [sample.tokens for sample in samples]
        shares = plan(lengths, ranks=1, tokens=self.config.micro_tokens)[0]
        return [self.batch(samples, share) for share in shares]

    def batch(self, samples: Sequence["Sample"], numbers: Sequence[int]) -> MicroBatch:
        """Return those samples as one micro-batch."""
        return collate(
            samples,
            numbers,
            pad_id=self.pad_id,
            end_ids=self.end_ids,
            mask_truncated=self.config.loss.mask_truncated,
        )

    def denominators(self, samples: Sequence["Sample"]) -> Denominators:
        """Return the numbers that the loss of these samples is divided by."""
        return denominators(
            samples, end_ids=self.end_ids, mask_truncated=self.config.loss.mask_truncated
        )
