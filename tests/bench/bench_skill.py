"""Does learning teach? One seen family, an early checkpoint, GRPO on the CPU, and a control.

    python -m tests.bench.bench_skill --out /tmp/skill
    python -m tests.bench.bench_skill --out /tmp/control --shuffled     rewards dealt at random

It runs the learner's own rollouts, rewards, advantages and learner worker, the rollouts in several
processes, and resumes from `--out` after an interruption. The last line is one JSON object.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Self

import torch
import transformers

from agents.contracts.incident import Task
from agents.models.local import LocalModel
from learner.grpo.advantages import AdvantageConfig, credited
from learner.grpo.loss import GRPOLossConfig
from learner.incidents import paired
from learner.pretrain.card import commit_of
from learner.rewards.parts import RewardWeights
from learner.rollout.collect import Job, grouped, solve_all
from learner.samples import Episode
from learner.trainer.config import LearnerConfig
from learner.trainer.worker import LearnerWorker

ROOT = Path(__file__).parents[2]
TRAINING, FRESH = 1 << 40, (1 << 52) + 4_000_000
AT_ONCE = 64
Told = dict[str, object]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def played(folder: str, jobs: Sequence[Job], threads: int) -> list[Episode]:
    """Play the jobs with a checkpoint (the work of one process)."""
    model = LocalModel(Path(folder), max_batch=AT_ONCE, threads=threads)
    try:
        return asyncio.run(solve_all(model, jobs, weights=RewardWeights(), at_once=AT_ONCE))
    finally:
        model.close()


class Rollouts:
    """Processes that play; use as a context."""

    def __init__(self, processes: int, threads: int) -> None:
        self._count, self._threads = processes, threads
        self._pool = multiprocessing.get_context("spawn").Pool(processes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.terminate()
        self._pool.join()

    def play(self, folder: Path, jobs: Sequence[Job]) -> list[Episode]:
        """Return the episodes of the jobs in their order."""
        shares = [jobs[at :: self._count] for at in range(self._count)]
        work = [(str(folder), share, self._threads) for share in shares]
        found: list[Episode | None] = [None] * len(jobs)
        for at, episodes in enumerate(self._pool.starmap(played, work)):
            found[at :: self._count] = episodes
        return [one for one in found if one is not None]


def dealt(episodes: Sequence[Episode], rng: random.Random) -> list[Episode]:
    """Return the episodes with each other's rewards."""
    order = rng.sample(range(len(episodes)), len(episodes))
    return [
        replace(one, reward=episodes[at].reward, success=episodes[at].success)
        for one, at in zip(episodes, order, strict=True)
    ]


def interval(differences: Sequence[int]) -> tuple[float, float, float]:
    """Return mean and 95 % interval (normal approximation) of paired differences."""
    mean = fmean(differences)
    half = 1.96 * stdev(differences) / sqrt(len(differences))
    return mean, mean - half, mean + half


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "deploy/models/observer-6m-early")
    parser.add_argument("--family", default="scaled_to_zero")
    parser.add_argument("--tasks", type=Task, nargs="+", default=[Task.LOCALIZATION, Task.ANALYSIS])
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--groups", type=int, default=6)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--minibatches", type=int, default=2)
    parser.add_argument("--temperature", type=float, default=0.6)
    parser.add_argument("--fresh", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def successes(rollouts: Rollouts, folder: Path, chosen: argparse.Namespace) -> list[bool]:
    incidents = paired([chosen.family], chosen.tasks, chosen.fresh, first=FRESH)
    return [one.success for one in rollouts.play(folder, [Job(drawn=d) for d in incidents])]


def train(rollouts: Rollouts, chosen: argparse.Namespace, told: list[Told]) -> Path:
    """Do the updates that are missing; return the folder of the last policy."""
    worker = LearnerWorker(
        LearnerConfig(
            checkpoint=chosen.model,
            rate=chosen.rate,
            threads=chosen.threads * chosen.processes,
            minibatches=chosen.minibatches,
            temperature=chosen.temperature,
            loss=GRPOLossConfig(epsilon_high=0.28),
        )
    )
    folder = chosen.model
    if told:
        folder = chosen.out / f"policy-{len(told)}"
        worker.load(folder)
    for number in range(len(told), chosen.updates):
        started = time.monotonic()
        first = TRAINING + (chosen.seed << 26) + number * chosen.groups
        jobs = grouped(
            paired([chosen.family], chosen.tasks, chosen.groups, first=first),
            chosen.size,
            temperature=chosen.temperature,
            seed=first,
        )
        episodes = rollouts.play(folder, jobs)
        rolled = time.monotonic() - started
        judged = dealt(episodes, random.Random(first)) if chosen.shuffled else episodes
        report = worker.update(credited(judged, AdvantageConfig()))
        folder = chosen.out / f"policy-{number + 1}"
        worker.save(folder)
        told.append(
            {
                "update": number + 1,
                "success": round(fmean(one.success for one in episodes), 3),
                "reward": round(fmean(one.reward for one in episodes), 3),
                "sequences": report.sequences,
                "kl": round(report.kl_rollout, 5),
                "seconds": round(time.monotonic() - started, 1),
                "rollout_seconds": round(rolled, 1),
            }
        )
        (chosen.out / "updates.json").write_text(json.dumps(told))
        say(json.dumps(told[-1]))
    return folder


def main() -> None:
    chosen = options()
    chosen.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    file, base = chosen.out / "updates.json", chosen.out / "before.json"
    told: list[Told] = json.loads(file.read_text()) if file.exists() else []
    with Rollouts(chosen.processes, chosen.threads) as rollouts:
        if not base.exists():
            base.write_text(json.dumps(successes(rollouts, chosen.model, chosen)))
        before: list[bool] = json.loads(base.read_text())
        say(f"before: {fmean(before):.3f} of {len(before)}")
        folder = train(rollouts, chosen, told)
        after = successes(rollouts, folder, chosen)
    mean, low, high = interval([int(a) - int(b) for a, b in zip(after, before, strict=True)])
    result = {
        "command": " ".join(["python -m tests.bench.bench_skill", *sys.argv[1:]]),
        "commit": commit_of(ROOT),
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}",
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores, no GPU used",
        "shuffled": chosen.shuffled,
        "before": fmean(before),
        "after": fmean(after),
        "difference": mean,
        "low": low,
        "high": high,
        "incidents": len(before),
        "updates": len(told),
        "seconds_of_this_run": round(time.monotonic() - started, 1),
    }
    (chosen.out / "result.json").write_text(json.dumps(result, indent=1))
    say(json.dumps(result))


if __name__ == "__main__":
    main()
