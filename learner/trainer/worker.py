"""One rank of the learner: reads samples, steps the weights, and proves that it did.

Invariant: an update is all or nothing, and N ranks compute what one would: gradients are summed
and divided by numbers of the whole step. After it weights have moved and ranks hold equal bits,
or it raises. Needs no Ray.
"""

import copy
import math
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from learner.grpo.batch import check
from learner.grpo.loss import policy_loss
from learner.trainer.config import LearnerConfig
from learner.trainer.errors import NonFiniteUpdate, WeightsDidNotMove
from learner.trainer.ranks import Ranks
from learner.trainer.report import Tally, UpdateReport, no_sums
from learner.trainer.scoring import Scorer, load_network, special_ids
from learner.trainer.state import TrainerState, read_state, write_checkpoint
from learner.trainer.steps import Cutter, Step
from learner.trainer.weights import apply, weights_digest, weights_of

if TYPE_CHECKING:  # samples know the lab, which a training machine may lack
    from learner.samples import Sample


EXPORTS = {"float32": torch.float32, "float16": torch.float16}


class LearnerWorker:
    """Holds weights and optimizer of one rank. All ranks must be called alike, with equal data."""

    def __init__(
        self,
        config: LearnerConfig,
        *,
        rank: int = 0,
        size: int = 1,
        meeting: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Load the checkpoint and, if there is more than one rank, wait for the others.

        meeting: a file that all ranks name alike and no earlier group has used.
        """
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self._config = config
        self._clock = clock
        self._device = torch.device(config.device)
        if self._device.type == "cuda":
            # a device without a number is the one that this process sees first
            self._device = torch.device("cuda", self._device.index or 0)
            torch.cuda.set_device(self._device)
        self._network = load_network(config.checkpoint, self._device)
        pad_id, end_ids = special_ids(self._network)
        self._cutter = Cutter(config=config, pad_id=pad_id, end_ids=end_ids)
        self._scorer = Scorer(
            device=self._device, precision=config.precision, temperature=config.temperature
        )
        if config.recompute:
            self._network.gradient_checkpointing_enable()
            self._network.train()
        self._parameters = list(self._network.parameters())
        self._optimizer = _optimizer(self._parameters, config, fused=self._device.type == "cuda")
        self._reference = (
            load_network(config.reference or config.checkpoint, self._device).requires_grad_(
                requires_grad=False
            )
            if config.loss.beta > 0
            else None
        )
        self._step = 0
        self._ranks = Ranks(rank, size)
        if size > 1:
            if meeting is None:
                raise ValueError(f"{size} ranks expect a meeting file, got none")
            self._ranks.join(meeting, self._device, seconds=config.collective_seconds)
            self._ranks.agree(self.digest(), self._device)

    @property
    def step(self) -> int:
        """Optimizer steps since the first checkpoint."""
        return self._step

    def update(self, samples: Sequence["Sample"]) -> UpdateReport:
        """Learn from samples and return what happened; all or nothing.

        No samples, or none with a gradient: no step, and the report says so. Raises ValueError
        for samples that cannot be read, NonFiniteUpdate, WeightsDidNotMove and RanksDisagree.
        """
        started = self._clock()
        check(samples)
        tally = Tally.empty(self._device)
        if not samples:
            tally.digest = self.digest()
            return self._report(samples, tally, started, note="no sequences")
        before = [parameter.detach().clone() for parameter in self._parameters]
        state, step = copy.deepcopy(self._optimizer.state_dict()), self._step
        try:
            steps = self._steps(samples)
            for _ in range(self._config.iterations):
                for one in steps:
                    self._learn(one, tally)
            tally.moved = self._moved(before, tally)
            tally.digest = self.digest()
            self._ranks.agree(tally.digest, self._device)
        except BaseException:
            self._take_back(before, state, step)
            raise
        return self._report(samples, tally, started, note="" if tally.steps else "no gradient")

    def logprobs(self, samples: Sequence["Sample"]) -> list[list[float]]:
        """Return the log-prob of each completion id under the present weights, sample by sample.

        Computed on this rank alone. What was recorded in the samples is not used.
        """
        found: list[list[float]] = [[] for _ in samples]
        batches = self._cutter.alone(samples)
        grids = self._scorer.frozen(self._network, batches)
        for batch, grid in zip(batches, grids, strict=True):
            for number, row in zip(batch.samples, grid.tolist(), strict=True):
                found[number] = row[: len(samples[number].completion_ids)]
        return found

    def weights(self) -> dict[str, Tensor]:
        """Return copies of the weights on the CPU, float32, by name; the tied head is left out."""
        return weights_of(self._network)

    def set_weights(self, weights: dict[str, Tensor]) -> None:
        """Take weights; the optimizer keeps its state. Raises WeightSyncMismatch."""
        apply(self._network, weights)

    def digest(self) -> str:
        """Return the SHA-256 of the weights (`weights_digest`), 64 hexadecimal digits."""
        return weights_digest(weights_of(self._network))

    def state(self) -> TrainerState:
        """Return what an exact continuation needs besides the configuration.

        The order of minibatches follows from seed and step, so there is no generator to save.
        """
        return TrainerState(
            step=self._step,
            digest=self.digest(),
            optimizer=self._optimizer.state_dict(),
            weights=self.weights(),
        )

    def save(self, folder: Path, dtype: str = "float32") -> str:
        """Write a new checkpoint folder (Hugging Face's layout, and `trainer.pt`), atomically.

        dtype: `float32` or `float16`, of the exported weights. Returns the digest of the weights
        in training precision. Only one rank is asked. Raises FileExistsError if the folder
        exists, KeyError for another dtype.
        """
        state = self.state()
        write_checkpoint(
            folder, self._network, state, origin=self._config.checkpoint, dtype=EXPORTS[dtype]
        )
        return state.digest

    def load(self, folder: Path) -> str:
        """Continue from a saved checkpoint, exactly; the reference stays. Returns the digest.

        Raises FileNotFoundError without `trainer.pt`, StateMismatch if parts do not fit.
        """
        state = read_state(folder, self._device)
        apply(self._network, state.weights)
        self._optimizer.load_state_dict(state.optimizer)
        self._step = state.step
        return state.digest

    def close(self) -> None:
        """Leave the group of ranks."""
        self._ranks.close()

    def _steps(self, samples: Sequence["Sample"]) -> list[Step]:
        """Return the steps with what must be known before the first of them changes weights."""
        steps = self._cutter.steps(samples, self._ranks, number=self._step)
        for one in steps:
            if len(steps) * self._config.iterations > 1:
                one.old = [*self._scorer.frozen(self._network, one.batches)]
            if self._reference is not None:
                one.reference = [*self._scorer.frozen(self._reference, one.batches)]
        return steps

    def _learn(self, one: Step, tally: Tally) -> None:
        """Take one optimizer step, or none if the gradient is exactly zero."""
        sums = no_sums(self._device)
        for batch, old, reference in zip(one.batches, one.old, one.reference, strict=True):
            there = batch.to(self._device)
            logprobs, entropies = self._scorer.score(
                self._network, there, entropy=self._config.entropy
            )
            loss, told = policy_loss(
                self._config.loss,
                one.denominators,
                logprobs=logprobs,
                mask=there.mask,
                advantages=there.advantages,
                old=old,
                rollout=there.rollout,
                reference=reference,
                entropies=entropies,
            )
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            sums += told.stacked()
        gradients = self._gradients()
        self._ranks.add_(gradients)
        self._ranks.add_([sums])
        norm = float(get_total_norm(gradients))
        if not (math.isfinite(norm) and bool(torch.isfinite(sums).all())):
            raise NonFiniteUpdate(
                f"expected finite gradients and losses, got a norm of {norm}; nothing was applied"
            )
        tally.add(sums, norm)
        if norm > 0:
            clip_grads_with_norm_(self._parameters, self._config.clip_norm, torch.tensor(norm))
            tally.rate = self._rate()
            for group in self._optimizer.param_groups:
                group["lr"] = tally.rate
            self._optimizer.step()
            self._step += 1
            tally.steps += 1
        self._optimizer.zero_grad(set_to_none=True)

    def _gradients(self) -> list[Tensor]:
        found = []
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            found.append(parameter.grad)
        return found

    def _moved(self, before: Sequence[Tensor], tally: Tally) -> float:
        """Return the largest change of a weight, or raise if there is none that is a number."""
        moved = max(
            float((parameter.detach() - old).abs().max())
            for parameter, old in zip(self._parameters, before, strict=True)
        )
        if not math.isfinite(moved):
            raise NonFiniteUpdate("expected finite weights after the step; nothing was applied")
        if tally.steps and moved == 0:
            raise WeightsDidNotMove(
                f"expected {tally.steps} steps of norm {tally.grad_norm:.3g} at a rate of "
                f"{tally.rate:.3g} to move weights, none moved"
            )
        return moved

    def _take_back(self, before: Iterable[Tensor], state: dict[str, object], step: int) -> None:
        with torch.no_grad():
            for parameter, old in zip(self._parameters, before, strict=True):
                parameter.copy_(old)
        self._optimizer.load_state_dict(state)
        self._optimizer.zero_grad(set_to_none=True)
        self._step = step

    def _rate(self) -> float:
        warm = self._config.warmup_steps
        return self._config.rate * (min(1.0, (self._step + 1) / warm) if warm else 1.0)

    def _report(
        self,
        samples: Sequence["Sample"],
        tally: Tally,
        started: float,
        *,
        note: str,
    ) -> UpdateReport:
        return UpdateReport(
            sequences=len(samples),
            tokens=self._cutter.denominators(samples).tokens,
            read_tokens=sum(sample.tokens for sample in samples),
            steps=tally.steps,
            step=self._step,
            grad_norm=tally.grad_norm,
            moved=tally.moved,
            rate=tally.rate,
            digest=tally.digest,
            seconds=self._clock() - started,
            note=note,
            **tally.means(),
        )


def _optimizer(
    parameters: Sequence[torch.nn.Parameter], config: LearnerConfig, *, fused: bool
) -> torch.optim.Optimizer:
    """Return AdamW; norms and other vectors do not decay."""
    return torch.optim.AdamW(
        [
            {
                "params": [one for one in parameters if one.ndim > 1],
                "weight_decay": config.weight_decay,
            },
            {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=config.rate,
        betas=config.betas,
        fused=fused,
    )
