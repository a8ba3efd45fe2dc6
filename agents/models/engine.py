"""The transformers side of the local model: a Qwen3 checkpoint, a slot a completion, one step.

Invariant: a prompt is run alone, so what it stores does not depend on who else is there; a decode
step runs all rows together, each row seeing its own keys only (the rest is masked to weight 0), so
that rows influence one another by rounding alone (about 1e-6 in a log-prob at float32).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.utils import logging

from agents.models.batching import Generation
from agents.models.digest import digest_of, id_of

ATTENTION = "aoi_slots"
HEAD = "lm_head.weight"
GROWTH = 256


class SlotCache:
    """Keys and values, one slot a row, as `Qwen3Attention` calls a cache (`update` alone).

    keys, values: one tensor a layer, [slots, kv_heads, positions, head_dim]. Rows 0..n-1 are in
    use; row r holds `lengths[r]` positions. Capacity grows by doubling of slots and by `GROWTH`
    positions.
    """

    def __init__(
        self, layers: int, shape: tuple[int, int], dtype: torch.dtype, device: torch.device
    ) -> None:
        self._shape, self._dtype, self._device = shape, dtype, device
        empty = torch.empty(0, shape[0], 0, shape[1], dtype=dtype, device=device)
        self.keys = [empty for _ in range(layers)]
        self.values = [empty for _ in range(layers)]
        self.rows: Tensor = torch.empty(0, dtype=torch.long)
        self.places: Tensor = torch.empty(0, dtype=torch.long)
        self.row: int | None = None
        self.reach = 0

    def reserve(self, rows: int, positions: int) -> None:
        """Make room for that many rows and positions."""
        slots, _, length, _ = self.keys[0].shape
        if rows <= slots and positions <= length:
            return
        slots = max(slots, 1)
        while slots < rows:
            slots *= 2
        length = max(length, -(-positions // GROWTH) * GROWTH)
        kv_heads, head_dim = self._shape
        for store in (self.keys, self.values):
            for layer, old in enumerate(store):
                new = torch.zeros(
                    slots, kv_heads, length, head_dim, dtype=self._dtype, device=self._device
                )
                new[: old.shape[0], :, : old.shape[2]] = old
                store[layer] = new

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a row's positions into another slot."""
        for store in (self.keys, self.values):
            for tensor in store:
                tensor[target, :, :length] = tensor[source, :, :length]

    def update(self, key: Tensor, value: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """Store new keys and values [rows, kv_heads, n, head_dim]; return all that is attended."""
        if self.row is not None:
            length = key.shape[2]
            self.keys[layer][self.row, :, :length] = key[0]
            self.values[layer][self.row, :, :length] = value[0]
            return key, value
        self.keys[layer][self.rows, :, self.places] = key[:, :, 0]
        self.values[layer][self.rows, :, self.places] = value[:, :, 0]
        count = len(self.rows)
        return (
            self.keys[layer][:count, :, : self.reach],
            self.values[layer][:count, :, : self.reach],
        )


def slot_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_kwargs: object,
) -> tuple[Tensor, None]:
    """Attend. A decode step treats the heads that share keys as queries, so keys aren't copied.

    query [rows, heads, n, head_dim]; key, value [rows, kv_heads, m, head_dim]; attention_mask
    [rows, 1, 1, m] for a decode step, None for a prompt (causal).
    """
    if attention_mask is None:
        attended, _ = sdpa_attention_forward(
            module, query, key, value, None, dropout=dropout, scaling=scaling
        )
        return attended, None
    rows, heads, _, head_dim = query.shape
    kv_heads = key.shape[1]
    grouped = query.reshape(rows, kv_heads, heads // kv_heads, head_dim)
    out = nn.functional.scaled_dot_product_attention(
        grouped, key, value, attn_mask=attention_mask, scale=scaling
    )
    return out.reshape(rows, 1, heads, head_dim), None


def identity(path: Path) -> str:
    """Return `<folder>@<first 12 digits of the SHA-256 of its weights>`."""
    return id_of(path, digest_of(path))


class TransformersEngine:
    """Runs one checkpoint; used by one thread only (see `agents.models.batching`)."""

    def __init__(
        self, path: Path, *, end_id: int, dtype: str = "float32", device: str = "cpu"
    ) -> None:
        ALL_ATTENTION_FUNCTIONS.register(ATTENTION, slot_attention)
        self._device = torch.device(device)
        self._dtype = cast("torch.dtype", getattr(torch, dtype))
        self._end_id = end_id
        self._running: list[Generation] = []
        self._generators: list[torch.Generator] = []
        self._lengths: list[int] = []
        self.load(path)

    @property
    def running(self) -> tuple[Generation, ...]:
        """What is not over yet, in the order of the cache's rows."""
        return tuple(self._running)

    def load(self, path: Path) -> None:
        """Read weights; only while nothing runs."""
        self.weights = identity(path)
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            path, dtype=self._dtype, attn_implementation=ATTENTION, local_files_only=True
        )
        model.to(self._device).eval().requires_grad_(requires_grad=False)  # type: ignore[arg-type]  # the stub of `to` knows strings only
        self._model = model
        config = model.config
        self.max_positions = int(config.max_position_embeddings)
        self._body: nn.Module = model.base_model
        self._head = cast("nn.Module", model.get_output_embeddings())  # type: ignore[no-untyped-call]  # likewise unannotated
        self._cache = SlotCache(
            config.num_hidden_layers,
            (config.num_key_value_heads, config.head_dim),
            self._dtype,
            self._device,
        )

    def assign(self, weights: Mapping[str, Tensor], name: str) -> None:
        """Take other weights of the same shapes, only while nothing runs; `name` is their identity.

        A tied head may be left out. Raises ValueError naming what is missing or unknown.
        """
        own = self._model.state_dict()
        missing = own.keys() - weights.keys() - {HEAD}
        unknown = weights.keys() - own.keys()
        if missing or unknown:
            raise ValueError(
                f"expected the weights of this network, missing {sorted(missing)[:3]}, "
                f"unknown {sorted(unknown)[:3]}"
            )
        with torch.no_grad():
            for key, value in weights.items():
                own[key].copy_(value)
        self.weights = name

    @torch.inference_mode()
    def score(
        self, prompt: Sequence[int], completion: Sequence[int], *, temperature: float = 1.0
    ) -> list[float]:
        """Return the log-prob of each completion id at a temperature; only while nothing runs."""
        ids = torch.tensor([[*prompt, *completion]], device=self._device)
        self._cache.reserve(1, ids.shape[1])
        self._cache.row = 0
        try:
            places = torch.arange(ids.shape[1], device=self._device)[None]
            hidden = self._hidden(ids, places, None)[0, len(prompt) - 1 : -1]
        finally:
            self._cache.row = None
        logprobs = torch.log_softmax(self._head(hidden).float() / temperature, dim=-1)
        found: list[float] = logprobs.gather(1, ids[0, len(prompt) :, None])[:, 0].tolist()
        return found

    @torch.inference_mode()
    def admit(self, generation: Generation) -> bool:
        """Run the prompt into a new row and add the first token; return whether that was all."""
        row, length = len(self._running), len(generation.prompt)
        generation.weights = self.weights
        self._cache.reserve(row + 1, length)
        self._cache.row = row
        try:
            ids = torch.tensor([generation.prompt], device=self._device)
            hidden = self._hidden(ids, torch.arange(length, device=self._device)[None], None)
        finally:
            self._cache.row = None
        generator = torch.Generator().manual_seed(generation.seed)
        self._extend([generation], [generator], hidden[:, -1])
        if self._over(generation):
            return True
        self._running.append(generation)
        self._generators.append(generator)
        self._lengths.append(length)
        return False

    @torch.inference_mode()
    def step(self) -> list[Generation]:
        """Add one token to every row; return those that are over, their rows freed."""
        cache, count = self._cache, len(self._running)
        cache.reach = max(self._lengths) + 1
        cache.reserve(count, cache.reach)
        cache.rows = torch.arange(count, device=self._device)
        cache.places = torch.tensor(self._lengths, device=self._device)
        mask = torch.arange(cache.reach, device=self._device)[None] <= cache.places[:, None]
        last = [[generation.tokens[-1]] for generation in self._running]
        ids = torch.tensor(last, device=self._device)
        hidden = self._hidden(ids, cache.places[:, None], mask[:, None, None, :])
        self._lengths = [length + 1 for length in self._lengths]
        self._extend(self._running, self._generators, hidden[:, -1])
        over = [generation for generation in self._running if self._over(generation)]
        for generation in over:
            self.drop(generation)
        return over

    def drop(self, generation: Generation) -> None:
        """Free a row: the last row moves into its place."""
        row, last = self._running.index(generation), len(self._running) - 1
        if row != last:
            self._cache.move(last, row, self._lengths[last])
        for column in (self._running, self._generators, self._lengths):
            _fill_gap(column, row)

    def _hidden(self, ids: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        return cast(
            "Tensor",
            self._body(
                input_ids=ids,
                position_ids=positions,
                attention_mask={"full_attention": mask},
                past_key_values=self._cache,
                use_cache=False,
            ).last_hidden_state,
        )

    def _extend(
        self, rows: list[Generation], generators: list[torch.Generator], hidden: Tensor
    ) -> None:
        """Add each row's next token: the likeliest, or by Gumbel-max from the row's own seed.

        hidden: [rows, hidden]. The recorded log-prob is of the tempered distribution; for greedy
        rows of the untempered one.
        """
        heat = torch.tensor([[row.temperature or 1.0] for row in rows], device=self._device)
        logprobs = torch.log_softmax(self._head(hidden).float() / heat, dim=-1)
        tokens = logprobs.argmax(dim=-1)
        drawn = [number for number, row in enumerate(rows) if row.temperature > 0]
        if drawn:
            size = logprobs.shape[1]
            noise = torch.stack([torch.rand(size, generator=generators[n]) for n in drawn])
            gumbel = noise.clamp_min_(1e-20).log_().neg_().log_().neg_().to(self._device)
            tokens[drawn] = (logprobs[drawn] + gumbel).argmax(dim=-1)
        chosen = logprobs.gather(1, tokens[:, None])[:, 0]
        for generation, token, logprob in zip(rows, tokens.tolist(), chosen.tolist(), strict=True):
            generation.tokens.append(token)
            generation.logprobs.append(logprob)

    def _over(self, generation: Generation) -> bool:
        length = len(generation.prompt) + len(generation.tokens)
        return (
            generation.tokens[-1] == self._end_id
            or len(generation.tokens) >= generation.max_tokens
            or length >= self.max_positions
        )


def _fill_gap(column: list[Any], row: int) -> None:
    """Take a row out of a column: the last one takes its place."""
    column[row] = column[-1]
    column.pop()
