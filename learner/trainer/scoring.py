"""Log-probs of completions: one forward pass, the head only where something is told.

Invariant: rows are padded on the right and attention is causal, so neither neighbours nor padding
change a number; prompts, most of the tokens, never reach the vocabulary-wide head.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import Qwen3ForCausalLM
from transformers.utils import logging

from learner.grpo.batch import MicroBatch


def load_network(folder: Path, device: torch.device) -> Qwen3ForCausalLM:
    """Return a checkpoint in float32 on that device, without dropout.

    Raises ValueError if its head is not its embedding: exports hold one of them only.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    network = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if not network.config.tie_word_embeddings:
        raise ValueError(f"expected a head tied to the embedding in {folder}")
    network.to(device)  # type: ignore[arg-type]  # the stub of `to` knows strings only
    network.requires_grad_(requires_grad=True).train(mode=False)
    return network


def special_ids(network: Qwen3ForCausalLM) -> tuple[int, frozenset[int]]:
    """Return the padding id and the ids that end a completion."""
    end = network.config.eos_token_id
    ends = frozenset(end if isinstance(end, Sequence) else () if end is None else (end,))
    pad = network.config.pad_token_id
    return (0 if pad is None else int(pad)), frozenset(int(one) for one in ends)


def completion_logprobs(
    network: Qwen3ForCausalLM, batch: MicroBatch, *, temperature: float = 1.0, entropy: bool = False
) -> tuple[Tensor, Tensor | None]:
    """Return log-probs and, if asked, entropies in nats, both [rows, tokens] and zero in padding.

    Entropies carry no gradient. Both are of the distribution at that temperature.
    """
    hidden = network.model(
        input_ids=batch.ids, attention_mask={"full_attention": None}, use_cache=False
    ).last_hidden_state
    told = hidden.reshape(-1, hidden.shape[-1]).index_select(0, batch.places)
    logits = network.lm_head(told).float() / temperature
    every = torch.log_softmax(logits, dim=-1)
    chosen = every.gather(1, batch.targets[:, None])[:, 0]
    if not entropy:
        return _grid(chosen, batch), None
    with torch.no_grad():
        spread = -(every.exp() * every).sum(dim=-1)
    return _grid(chosen, batch), _grid(spread, batch)


def _grid(values: Tensor, batch: MicroBatch) -> Tensor:
    """Return values [told] at their cells in [rows, tokens]."""
    flat = torch.zeros(batch.mask.numel(), dtype=values.dtype, device=values.device)
    return flat.scatter(0, batch.cells, values).view_as(batch.mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """Scores micro-batches on a device, at a temperature, in a precision (`LearnerConfig`)."""

    device: torch.device
    precision: str
    temperature: float

    def score(
        self, network: Qwen3ForCausalLM, batch: MicroBatch, *, entropy: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Return `completion_logprobs` of a batch that is on the device, with gradient."""
        with self._autocast():
            return completion_logprobs(
                network, batch, temperature=self.temperature, entropy=entropy
            )

    @torch.no_grad()
    def frozen(self, network: Qwen3ForCausalLM, batches: Sequence[MicroBatch]) -> list[Tensor]:
        """Return the log-probs of each batch, wherever it is, without gradient."""
        return [self.score(network, batch.to(self.device))[0] for batch in batches]

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "bfloat16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()
