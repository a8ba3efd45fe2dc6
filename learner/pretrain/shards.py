"""Samples as files: many generators write shards, one trainer reads them as they appear.

Invariant: a shard is complete when its name is there (written aside, then renamed), and never
changes. A shard holds `ids` (uint16, all samples one after another), `lengths` and `prompts`
(uint16 a sample: tokens in all, tokens of the prompt); the loss mask is `place >= prompt`.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One decision: the prompt's ids, then the reply's; `prompt` says where the reply begins."""

    ids: Ids
    prompt: int


def write_shard(path: Path, samples: Sequence[Sample]) -> None:
    """Write a shard under its final name in one step."""
    aside = path.with_suffix(f".{os.getpid()}.tmp")
    with aside.open("wb") as file:
        np.savez(
            file,
            ids=np.concatenate([sample.ids for sample in samples]),
            lengths=np.array([len(sample.ids) for sample in samples], dtype=np.uint16),
            prompts=np.array([sample.prompt for sample in samples], dtype=np.uint16),
        )
    aside.rename(path)


def read_shard(path: Path) -> list[Sample]:
    """Return the samples of a shard."""
    with np.load(path) as shard:
        ids, lengths, prompts = shard["ids"], shard["lengths"], shard["prompts"]
    ends = np.cumsum(lengths, dtype=np.int64)
    return [
        Sample(ids=ids[end - length : end], prompt=int(prompt))
        for end, length, prompt in zip(
            ends.tolist(), lengths.tolist(), prompts.tolist(), strict=True
        )
    ]


class ShardStream:
    """Endless samples from a folder that grows: each new shard once, then older ones again."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self._folder = folder
        self._rng = Random(seed)  # noqa: S311 - order of samples
        self._seen: set[str] = set()
        self._pool: list[Sample] = []
        self.fresh = 0
        self.repeated = 0

    def take(self, count: int) -> list[Sample]:
        """Return `count` samples in random order; empty when no shard is there yet."""
        taken: list[Sample] = []
        for path in sorted(self._folder.glob("train-*.npz")):
            if len(taken) >= count:
                break
            if path.name not in self._seen:
                self._seen.add(path.name)
                taken += read_shard(path)
        self._pool += taken
        self.fresh += len(taken)
        missing = count - len(taken)
        if missing > 0 and self._pool:
            taken += self._rng.choices(self._pool, k=missing)
            self.repeated += missing
        self._rng.shuffle(taken)
        return taken


def batches(samples: Iterable[Sample], *, tokens: int, step: int) -> Iterator[list[Sample]]:
    """Yield groups of similar length: at most `tokens` with padding to a multiple of `step`."""
    group: list[Sample] = []
    for sample in sorted(samples, key=lambda sample: len(sample.ids)):
        width = padded(len(sample.ids), step)
        if group and (len(group) + 1) * width > tokens:
            yield group
            group = []
        group.append(sample)
    if group:
        yield group


def padded(length: int, step: int) -> int:
    """Return the length rounded up to a multiple of `step`."""
    return -(-length // step) * step


def stack(group: Sequence[Sample], *, pad_id: int, step: int) -> tuple[npt.NDArray[np.int64], Ids]:
    """Return ids [rows, width] padded on the right, and the lengths as [rows, 2]: prompt, all.

    width is a multiple of `step` and one, so that the network's input is the multiple.
    """
    width = padded(max(len(sample.ids) for sample in group) - 1, step) + 1
    ids = np.full((len(group), width), pad_id, dtype=np.int64)
    for row, sample in enumerate(group):
        ids[row, : len(sample.ids)] = sample.ids
    spans = np.array([(sample.prompt, len(sample.ids)) for sample in group], dtype=np.uint16)
    return ids, spans
