"""Many processes that make lessons and write them as shards until they are told to stop.

Invariant: worker w of n uses the seeds base + w, base + w + n, ...; a seed is used by one worker
only. Workers end when the stop file appears or their parent is gone.
"""

import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self

import numpy as np

from agents.contracts.model import Message
from agents.models.chat import ChatFormat
from learner.pretrain.demonstrations import Demonstration, Lesson, demonstrate
from learner.pretrain.guides import Pool
from learner.pretrain.shards import Sample, write_shard

FIRST_SHARD, SHARD = 256, 2048
STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What one seed gave. failed: None, or the name under which the failure is counted."""

    lessons: tuple[Lesson, ...]
    failed: str | None = None


Make = Callable[[int], Made]
"""From a seed to its lessons; an object that can be sent to a process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one generating process does. limit: seeds to use at most, None for no end."""

    folder: Path
    tokenizer: Path
    worker: int
    workers: int
    base: int
    make: Make
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstrating:
    """Makes demonstrations of split A with the guides of a pool; only proved ones are lessons."""

    pool: Pool

    def __call__(self, seed: int) -> Made:
        """Return the lessons of the seed's demonstration."""
        shown = demonstrate(seed, self.pool)
        if not shown.success:
            return Made(lessons=(), failed=f"failed {shown.scenario.family} {shown.scenario.task}")
        return Made(lessons=shown.lessons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """What all workers have made so far."""

    demonstrations: int
    failed: int
    samples: int
    tokens: int


def sample_of(chat: ChatFormat, prompt: str, reply: str) -> Sample:
    """Return a decision as ids."""
    before = chat.prompt_ids([Message(role="user", content=prompt)])
    ids = np.array(before + chat.reply_ids(reply), dtype=np.uint16)
    return Sample(ids=ids, prompt=len(before))


def samples_of(chat: ChatFormat, shown: Demonstration) -> Iterator[Sample]:
    """Yield the samples of a demonstration that are to be learned."""
    for lesson in shown.lessons:
        if lesson.teach:
            yield sample_of(chat, lesson.prompt, lesson.reply)


def work(job: Job) -> None:
    """Write shards until told to stop (the target of a process)."""
    chat = ChatFormat(job.tokenizer)
    stop, parent = job.folder / STOP, os.getppid()
    count: Counter[str] = Counter()
    kept: list[Sample] = []
    number = 0

    def seeds() -> Iterator[int]:
        seed = job.base + job.worker
        while not stop.exists() and os.getppid() == parent:
            if job.limit is not None and count["demonstrations"] + count["failed"] >= job.limit:
                return
            yield seed
            seed += job.workers

    for seed in seeds():
        made = job.make(seed)
        if made.failed is not None:
            count["failed"] += 1
            count[made.failed] += 1
            continue
        count["demonstrations"] += 1
        kept += [
            sample_of(chat, lesson.prompt, lesson.reply) for lesson in made.lessons if lesson.teach
        ]
        if len(kept) >= (FIRST_SHARD if number == 0 else SHARD):
            _write(job, number, kept, count)
            number, kept = number + 1, []
    if kept:
        _write(job, number, kept, count)


def _write(job: Job, number: int, samples: list[Sample], count: Counter[str]) -> None:
    write_shard(job.folder / f"train-{number:05d}-{job.worker:03d}.npz", samples)
    count["samples"] += len(samples)
    count["tokens"] += sum(len(sample.ids) for sample in samples)
    told = job.folder / f"worker-{job.worker:03d}.json"
    aside = told.with_suffix(".tmp")
    aside.write_text(json.dumps(count), encoding="utf-8")
    aside.rename(told)


class Generators:
    """The processes; use as a context, so that none outlives its training."""

    def __init__(self, folder: Path, tokenizer: Path, *, base: int, make: Make) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / STOP).unlink(missing_ok=True)
        self._folder, self._tokenizer = folder, tokenizer
        self._base, self._make = base, make
        self._processes: list[BaseProcess] = []

    def start(self, workers: int, *, limit: int | None = None) -> "Generators":
        """Start that many; `limit` is for all of them together."""
        context = multiprocessing.get_context("spawn")
        each = None if limit is None else -(-limit // workers)
        for worker in range(workers):
            job = Job(
                folder=self._folder,
                tokenizer=self._tokenizer,
                worker=worker,
                workers=workers,
                base=self._base,
                make=self._make,
                limit=each,
            )
            process = context.Process(target=work, args=(job,), daemon=True)
            process.start()
            self._processes.append(process)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, patience: float = 20.0) -> None:
        """Tell the processes to stop, and end those that don't."""
        (self._folder / STOP).touch()
        deadline = time.monotonic() + patience
        for process in self._processes:
            process.join(max(0.1, deadline - time.monotonic()))
            if process.is_alive():
                process.terminate()

    def wait(self) -> None:
        """Wait until every process has reached its limit."""
        for process in self._processes:
            process.join()
        self.check()

    def check(self) -> None:
        """Raise RuntimeError when a process died of an error."""
        codes = [process.exitcode for process in self._processes if process.exitcode]
        if codes:
            raise RuntimeError(
                f"expected generators to run, {len(codes)} died with {codes[0]}; see their output"
            )


def produced(folder: Path) -> tuple[Produced, dict[str, int]]:
    """Return what the workers of a folder have made, and their failures by family and task."""
    total: Counter[str] = Counter()
    for told in folder.glob("worker-*.json"):
        total.update(json.loads(told.read_text(encoding="utf-8")))
    failures = {key: number for key, number in total.items() if key.startswith("failed ")}
    return Produced(
        demonstrations=total["demonstrations"],
        failed=total["failed"],
        samples=total["samples"],
        tokens=total["tokens"],
    ), failures


def sampled(base: int, count: int, workers: int) -> list[Demonstration]:
    """Return demonstrations without guidance, made in parallel: for tokenizer and guides."""
    seeds = range(base, base + count)
    if workers <= 1:
        return [_unguided(seed) for seed in seeds]
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers) as processes:
        return processes.map(_unguided, seeds, chunksize=max(1, count // (4 * workers)))


def _unguided(seed: int) -> Demonstration:
    return demonstrate(seed, {})
