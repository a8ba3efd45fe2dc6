"""The trainer: next-token loss on replies, a schedule told by the clock, checkpoints on the way.

Invariant: rows are padded on the right and attention is causal, so no sample sees another or its
padding; the learning rate reaches its end when the time does, however fast the machine is.
"""

import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import Qwen3ForCausalLM

from learner.pretrain.shards import Sample, ShardStream, batches, read_shard, stack


class TrainConfig(BaseModel):
    """How to train.

    batch_tokens counts padding. `prompt_share` of the prompt's tokens are also learned, at
    `prompt_weight` of a reply token, which teaches copying early.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    device: str = "cpu"
    batch_tokens: int = Field(default=65_536, ge=256)
    bucket: int = Field(default=64, ge=1, description="lengths are padded to multiples of this")
    peak_rate: float = Field(default=2e-3, gt=0)
    final_share: float = Field(default=0.02, ge=0, le=1)
    warmup_steps: int = Field(default=150, ge=1)
    weight_decay: float = Field(default=0.1, ge=0)
    prompt_share: float = Field(default=0.125, ge=0, le=1)
    prompt_weight: float = Field(default=0.2, ge=0)
    compiled: bool = False
    buffer: int = Field(default=4096, ge=1, description="samples shuffled together")
    steps: int | None = Field(default=None, ge=1, description="end here if time allows so many")
    save_every: float = Field(default=60.0, gt=0, description="seconds between resumable states")


@dataclass(slots=True, kw_only=True)
class Progress:
    """Where training is, as callers show it. `share` is the part of the time that is spent."""

    share: float = 0.0
    step: int = 0
    tokens: int = 0
    loss: float = math.nan
    rate: float = 0.0
    tokens_per_second: float = 0.0
    fresh: int = 0
    repeated: int = 0


@dataclass(slots=True, kw_only=True)
class Hooks:
    """What the trainer tells: `progress` every few steps; `at` is called once at each share."""

    progress: Callable[[Progress], None] = lambda _: None
    at: dict[float, Callable[[Qwen3ForCausalLM], None]] = field(default_factory=dict)


class Trainer:
    """Trains one network from one stream until a deadline."""

    def __init__(self, network: Qwen3ForCausalLM, config: TrainConfig, *, pad_id: int) -> None:
        self._config = config
        self._pad_id = pad_id
        self._device = torch.device(config.device)
        self._cuda = self._device.type == "cuda"
        self.network = network.to(self._device)  # type: ignore[arg-type]  # the stub of `to` knows strings only
        self._optimizer = _optimizer(network, config, fused=self._cuda)
        self._random = torch.Generator(device=self._device).manual_seed(config.seed)
        self.progress = Progress()
        if config.compiled:
            for layer in network.model.layers:
                layer.compile(dynamic=True)
            torch.set_float32_matmul_precision("high")

    def fit(self, stream: ShardStream, *, seconds: float, state: Path, hooks: Hooks) -> Progress:
        """Train for that many seconds from now (a resumed run: what its state left of them)."""
        spent = self._resume(state)
        started = saved = time.monotonic()
        due = sorted(hooks.at)
        told = 0
        self.network.train()
        for batch in self._prefetched(stream):
            elapsed = time.monotonic() - started + spent
            share = self._share(elapsed / seconds)
            while due and share >= due[0]:
                hooks.at[due.pop(0)](self.network)
            if share >= 1.0:
                break
            loss = self._step(batch, share)
            now = time.monotonic()
            if self.progress.step - told >= (20 if self._cuda else 1):
                told = self.progress.step
                self._tell(loss, share, elapsed, stream)
                hooks.progress(self.progress)
            if now - saved > self._config.save_every:
                saved = now
                self._save(state, now - started + spent)
        self.network.eval()
        return self.progress

    @torch.inference_mode()
    def validate(self, shard: Path) -> float:
        """Return the mean loss of the replies of a shard."""
        self.network.eval()
        total = count = 0.0
        for group in batches(read_shard(shard), tokens=self._config.batch_tokens, step=64):
            ids, spans = self._moved(group)
            places = torch.arange(ids.shape[1] - 1, device=self._device)[None]
            reply = (places + 1 >= spans[:, :1]) & (places + 1 < spans[:, 1:])
            losses = self._losses(ids, reply)
            total += float(losses.sum())
            count += losses.numel()
        self.network.train()
        return total / max(1.0, count)

    def _step(self, group: list[Sample], share: float) -> Tensor:
        ids, spans = self._moved(group)
        places = torch.arange(1, ids.shape[1], device=self._device)[None]
        inside = places < spans[:, 1:]
        reply = inside & (places >= spans[:, :1])
        drawn = torch.rand(reply.shape, generator=self._random, device=self._device)
        learned = reply | (inside & (drawn < self._config.prompt_share))
        losses = self._losses(ids, learned)
        weights = torch.where(reply[learned], 1.0, self._config.prompt_weight)
        loss = (losses * weights).sum() / weights.sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        rate = self._rate(share)
        for part in self._optimizer.param_groups:
            part["lr"] = rate
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        self.progress.rate = rate
        self.progress.tokens += sum(len(sample.ids) for sample in group)
        return (losses.detach() * reply[learned]).sum() / reply.sum()

    def _share(self, of_time: float) -> float:
        """Return the part of the training that is over: of its time, or of its steps."""
        steps = self._config.steps
        return min(1.0, max(of_time, self.progress.step / steps if steps else 0.0))

    def _losses(self, ids: Tensor, learned: Tensor) -> Tensor:
        """Return the loss of each learned token; learned [rows, width - 1] is about the next id."""
        with self._precision():
            hidden = self.network.model(
                input_ids=ids[:, :-1], attention_mask={"full_attention": None}, use_cache=False
            ).last_hidden_state
            logits = self.network.lm_head(hidden[learned])
        return cross_entropy(logits.float(), ids[:, 1:][learned], reduction="none")

    def _precision(self) -> AbstractContextManager[object]:
        if self._cuda:
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return nullcontext()

    def _rate(self, share: float) -> float:
        config = self._config
        warm = min(1.0, (self.progress.step + 1) / config.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * share))
        return config.peak_rate * warm * (config.final_share + (1 - config.final_share) * cosine)

    def _moved(self, group: list[Sample]) -> tuple[Tensor, Tensor]:
        ids, spans = stack(group, pad_id=self._pad_id, step=self._config.bucket)
        both = torch.from_numpy(ids), torch.from_numpy(spans.astype("int64"))
        if self._cuda:
            both = both[0].pin_memory(), both[1].pin_memory()
        ids_there, spans_there = (one.to(self._device, non_blocking=True) for one in both)
        return ids_there, spans_there

    def _prefetched(self, stream: ShardStream) -> Iterator[list[Sample]]:
        """Yield groups made by a thread, so that the device never waits for sorting."""
        ready: queue.Queue[list[Sample]] = queue.Queue(maxsize=64)
        over = threading.Event()
        rng = Random(self._config.seed)  # noqa: S311 - order of batches

        def fill() -> None:
            while not over.is_set():
                samples = stream.take(self._config.buffer)
                if not samples:
                    time.sleep(0.2)
                    continue
                groups = list(
                    batches(samples, tokens=self._config.batch_tokens, step=self._config.bucket)
                )
                rng.shuffle(groups)
                for group in groups:
                    if self._config.compiled and len(group) == 1:
                        continue  # one row would be compiled anew
                    while not over.is_set():
                        try:
                            ready.put(group, timeout=0.5)
                            break
                        except queue.Full:
                            continue

        threading.Thread(target=fill, name="aoi-batches", daemon=True).start()
        try:
            while True:
                yield ready.get()
        finally:
            over.set()

    def _tell(self, loss: Tensor, share: float, elapsed: float, stream: ShardStream) -> None:
        self.progress.share = share
        self.progress.loss = float(loss)
        self.progress.tokens_per_second = self.progress.tokens / max(elapsed, 1e-6)
        self.progress.fresh, self.progress.repeated = stream.fresh, stream.repeated

    def _save(self, state: Path, spent: float) -> None:
        aside = state.with_suffix(".tmp")
        torch.save(
            {
                "network": self.network.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "random": self._random.get_state(),
                "step": self.progress.step,
                "tokens": self.progress.tokens,
                "spent": spent,
            },
            aside,
        )
        aside.rename(state)

    def _resume(self, state: Path) -> float:
        """Restore a saved state if there is one; return the seconds that it had spent."""
        if not state.exists():
            return 0.0
        saved = torch.load(state, map_location=self._device, weights_only=True)
        self.network.load_state_dict(saved["network"])
        self._optimizer.load_state_dict(saved["optimizer"])
        self._random.set_state(saved["random"].cpu())
        self.progress.step, self.progress.tokens = saved["step"], saved["tokens"]
        return float(saved["spent"])


def _optimizer(
    network: Qwen3ForCausalLM, config: TrainConfig, *, fused: bool
) -> torch.optim.Optimizer:
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=config.peak_rate,
        betas=(0.9, 0.95),
        fused=fused,
    )
