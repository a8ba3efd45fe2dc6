"""Can a diagnosis be reached from read commands alone? The expert, each family, each task.

    python -m tests.bench.bench_expert --seeds 200 --processes 2 --out docs/results/expert.md

The expert sees a `Situation`, as an Observer does, and nothing of the lab. Half of the detection
incidents are healthy twins. The exit code is 1 when a family misses its share.
"""

import argparse
import multiprocessing
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from random import Random

from agents.contracts.incident import Task
from agents.environments.simulated.incidents import Scenario, generate
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.splits import families_of
from agents.observer.reply import ReplyAction, reply_text
from learner.pretrain.expert import Expert
from learner.pretrain.guides import drawn_order
from learner.pretrain.rules.book import every_rule
from learner.pretrain.rules.rule import Rule
from learner.rollout.episode import Finished, episode, incident_of

ROOT = Path(__file__).parents[2]
FIRST = (1 << 52) + 6_000_000
"""The first seed: far from those of training, of its evaluation and of other benchmarks."""
WANTED = {Task.DETECTION: 0.95, Task.LOCALIZATION: 0.95, Task.ANALYSIS: 0.9, Task.MITIGATION: 0.9}
FAMILIES = (*families_of("B"), *families_of("D"))
"""Split A is part of B."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One episode. refused: lines that policy, preview or the reply's parser refused."""

    family: str
    task: Task
    seed: int
    success: bool
    reason: str
    commands: int
    refused: int


def play(family: str, task: Task, number: int, rules: tuple[Rule, ...] | None = None) -> Played:
    """Let the expert solve incident `number` of a family and task; with every rule by default."""
    seed = FIRST + number
    healthy = task is Task.DETECTION and number % 2 == 1
    return solve(generate(seed, family=family, task=task, healthy=healthy), seed, rules)


def solve(scenario: Scenario, seed: int, rules: tuple[Rule, ...] | None = None) -> Played:
    """Let the expert solve a scenario; the seed is that of its own choices."""
    family, task = scenario.family or "healthy", scenario.task
    lab = Lab(scenario)
    rng = Random(seed)
    expert = Expert(
        task=task,
        rng=rng,
        order=drawn_order(rng),
        detours=False,
        rules=every_rule() if rules is None else rules,
    )
    run = episode(lab, incident_of(lab, task))
    situation = next(run)
    commands = refused = 0
    while True:
        last = situation.memory.last
        refused += last is not None and last.refusal is not None
        reply = expert.advise(situation).reply
        commands += reply.action is not ReplyAction.SUBMIT
        try:
            situation = run.send(reply_text(reply))
        except StopIteration as stop:
            finished: Finished = stop.value
            verdict = lab.judge(finished.submission)
            return Played(
                family=family,
                task=task,
                seed=seed,
                success=verdict.strict,
                reason=verdict.reason,
                commands=commands,
                refused=refused + finished.malformed,
            )


def play_all(job: tuple[str, Task, int]) -> list[Played]:
    """Play the first incidents of a family and task (the work of one process)."""
    family, task, seeds = job
    return [play(family, task, number) for number in range(seeds)]


def split_of(family: str) -> str:
    """Return the split to which a family itself belongs."""
    if family in families_of("A"):
        return "A"
    return "B" if family in families_of("B") else "D"


def lower(successes: int, count: int) -> float:
    """Return the lower end of Wilson's 95 % interval of a share."""
    share, z = successes / count, 1.96
    middle = share + z * z / (2 * count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - half) / (1 + z * z / count)


def table(played: Iterable[Played]) -> tuple[list[str], list[str]]:
    """Return the lines of a Markdown table, and what missed its share."""
    cells: dict[tuple[str, Task], list[Played]] = defaultdict(list)
    for one in played:
        cells[one.family, one.task].append(one)
    lines = [
        f"| family | split | {' | '.join(WANTED)} | commands, mean | lines refused |",
        f"|---|---|{'---|' * (len(WANTED) + 2)}",
    ]
    missed = []
    for family in dict.fromkeys(family for family, _ in cells):
        shown = []
        for task, wanted in WANTED.items():
            cell = cells[family, task]
            good = sum(one.success for one in cell)
            shown.append(f"{100 * good / len(cell):.1f} %")
            if good < wanted * len(cell):
                bad = next(one for one in cell if not one.success)
                missed.append(f"{family} {task}: {shown[-1]}, e.g. seed {bad.seed}: {bad.reason}")
        every = [one for task in WANTED for one in cells[family, task]]
        mean = sum(one.commands for one in every) / len(every)
        refused = sum(one.refused for one in every)
        lines.append(
            f"| `{family}` | {split_of(family)} | {' | '.join(shown)} | {mean:.1f} | {refused} |"
        )
    return lines, missed


def report(played: Sequence[Played], chosen: argparse.Namespace, commit: str, took: float) -> str:
    """Return the whole Markdown file."""
    seeds = chosen.seeds
    lines, missed = table(played)
    failed = [one for one in played if not one.success]
    told = [
        f"- {one.family}, {one.task}, seed {one.seed}: {one.reason}" for one in failed[:20]
    ] or ["None."]
    verdict = "Missed: " + "; ".join(missed) if missed else "Every family reaches every share."
    return f"""# Can a diagnosis be reached from read commands alone?

`python -m tests.bench.bench_expert {" ".join(sys.argv[1:])}`, commit {commit},
Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, \
{chosen.processes} processes, {took:.0f} s.

The expert (`learner/pretrain/expert.py`) plays {seeds} procedural incidents of each family and
task, {len(played)} episodes in all, from seed {FIRST}. It is given each `Situation` as the
Observer has it (the alert, its own summaries, the last output after redaction and compression, at
most 12 steps), imports nothing of the lab, and makes no detours; the order of its surveys is drawn.
Every second detection incident is a healthy twin. Judged by the strict verdict.

Wanted of each family: 95 % of detection and localization, 90 % of analysis and mitigation. With
{seeds} incidents, {seeds} successes mean at least {100 * lower(seeds, seeds):.1f} % (Wilson, 95 %).

{chr(10).join(lines)}

{verdict} Outside mitigation the loop takes reads only: a reply that acts counts as a refused line.
Rules for B and D stand in `learner/pretrain/rules/withheld/`; no demonstration loads them.

## What failed

{len(failed)} of {len(played)}.

{chr(10).join(told)}
"""


def benchmark(chosen: argparse.Namespace) -> int:
    """Play the benchmark's problems and its balanced set, and print their tables."""
    from tests.bench import expert_reviews  # noqa: PLC0415 - it takes `solve` from here

    started, missed = time.monotonic(), []
    jobs = expert_reviews.jobs_of(chosen.seeds)
    with multiprocessing.get_context("spawn").Pool(chosen.processes) as pool:
        done = pool.map(expert_reviews.play_reviews, jobs, chunksize=1)
    for place in expert_reviews.SETS:
        played = [
            one for job, part in zip(jobs, done, strict=True) if job[0] == place for one in part
        ]
        lines, short = expert_reviews.review_table(played)
        missed += short
        sys.stdout.write("\n".join((f"{place}, {len(played)} episodes", "", *lines, "", "")))
    sys.stdout.write("\n".join((*missed, f"{time.monotonic() - started:.0f} s")) + "\n")
    return 1 if missed else 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=FAMILIES)
    parser.add_argument("--out", type=Path)
    parser.add_argument(
        "--benchmark",
        action="store_true",
        help="play the benchmark's problems and its balanced set instead",
    )
    return parser.parse_args()


def main() -> int:
    from learner.pretrain.card import commit_of  # noqa: PLC0415 - loads torch

    chosen = options()
    if chosen.benchmark:
        return benchmark(chosen)
    commit = commit_of(ROOT)  # of the code that is about to be loaded
    started = time.monotonic()
    jobs = [(family, task, chosen.seeds) for family in chosen.families for task in WANTED]
    played: list[Played] = []
    with multiprocessing.get_context("spawn").Pool(chosen.processes) as pool:
        for done in pool.imap(play_all, jobs):
            played += done
            one, good = done[0], sum(each.success for each in done)
            sys.stdout.write(f"{one.family:<22}{one.task:<14}{good:>5} of {len(done)}\n")
            sys.stdout.flush()
    seconds = time.monotonic() - started
    lines, missed = table(played)
    sys.stdout.write("\n".join(("", *lines, "", *missed, f"{seconds:.0f} s")) + "\n")
    if chosen.out is not None:
        chosen.out.write_text(report(played, chosen, commit, seconds), encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
