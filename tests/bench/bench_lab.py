"""Measures the lab: set-up, reads, episodes, memory, and where the time goes.

    python -m tests.bench.bench_lab --count 300 > lab.md

Prints Markdown. Times are of the process's own CPU, so that other work on the machine weighs less.
The exit code is 1 when a bound is missed.
"""

import argparse
import cProfile
import gc
import io
import os
import platform
import pstats
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

from agents.contracts.incident import Task
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.simulated.benchmark.problems import PROBLEMS, scenario_of
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.policy.parse import parse

ROOT = Path(__file__).parents[2]
LINES = (
    "kubectl get pods",
    "kubectl get services",
    "kubectl get endpoints",
    "kubectl get deployments",
    "kubectl get events",
    "kubectl describe service {service}",
    "kubectl logs deployment/{caller} --tail=20",
    "kubectl describe deployment {service}",
    "kubectl rollout history deployment/{service}",
)
SETUP_MS, PODS_MS, EPISODE_MS, THOUSAND_GB = 50.0, 1.0, 50.0, 4.0
PODS = 30


def milliseconds(work: Callable[[], object], times: int) -> list[float]:
    """Return the CPU milliseconds of each of `times` calls."""
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append((time.process_time() - start) * 1e3)
    return found


def episode(lab: Lab) -> None:
    """Nine reads, the repair, the verdict: what a rollout without a model costs."""
    application = lab.scenario.application
    service = lab.scenario.service
    caller = (application.callers(service) or [application.entry])[0]
    for line in LINES:
        text = line.format(service=service, caller=caller)
        lab.read(parse(text, default_namespace=lab.namespace))
    lab.act(parse(lab.ground_truth.repairs[0], default_namespace=lab.namespace))
    lab.judge(Submission(task=Task.MITIGATION, reason=SubmitReason.ANSWERED))


def busy_lab() -> Lab:
    """Return a lab of a real application with thirty pods."""
    lab = Lab(scenario_of("noop_detection_social_network-1"))
    missing = PODS - lab.cluster.store.count("pods")
    lab.act(
        parse(
            f"kubectl scale deployment/text-service --replicas={1 + missing}",
            default_namespace=lab.namespace,
        )
    )
    lab.tick(120)
    if lab.cluster.store.count("pods") != PODS:
        raise RuntimeError(f"expected {PODS} pods, got {lab.cluster.store.count('pods')}")
    return lab


class Table:
    """Rows of measurements, and whether every bound held."""

    def __init__(self) -> None:
        self.lines = ["| what | median | p95 | worst | bound |", "|---|---|---|---|---|"]
        self.held = True

    def add(self, name: str, values: Sequence[float], bound: float | None, unit: str) -> None:
        """Add a row; a bound is about the median."""
        ranked = sorted(values)
        middle = statistics.median(ranked)
        late = ranked[max(0, int(len(ranked) * 0.95) - 1)]
        wanted = "" if bound is None else f"<= {bound:g} {unit}"
        self.held = self.held and (bound is None or middle <= bound)
        cells = (name, *(f"{value:.2f} {unit}" for value in (middle, late, ranked[-1])), wanted)
        self.lines.append(f"| {' | '.join(cells)} |")


def profile(work: Callable[[], object], most: int = 10) -> list[str]:
    """Return the functions with the most own time, as rows."""
    watched = cProfile.Profile()
    watched.enable()
    work()
    watched.disable()
    stats = pstats.Stats(watched, stream=io.StringIO())
    total = stats.total_tt  # type: ignore[attr-defined]
    found = sorted(stats.stats.items(), key=lambda item: -item[1][2])  # type: ignore[attr-defined]
    rows = ["| function | calls | own time |", "|---|---|---|"]
    for (file, _, name), (calls, _, own, *_) in found[:most]:
        place = f"{Path(file).stem}.{name}" if file.endswith(".py") else name
        rows.append(f"| `{place}` | {calls} | {own / total:.0%} |")
    return rows


def resident() -> float:
    """Return the process's resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def memory(labs: int) -> tuple[float, float]:
    """Return (MiB of one procedural lab, MiB of one lab of a real application)."""
    found = []
    problems = list(PROBLEMS)
    makers: tuple[Callable[[int], Lab], ...] = (
        lambda number: Lab(generate(20_000 + number)),
        lambda number: Lab(scenario_of(problems[number % len(problems)], seed=number)),
    )
    for make in makers:
        gc.collect()
        before = resident()
        kept = [make(number) for number in range(labs)]
        gc.collect()
        found.append((resident() - before) / labs)
        del kept
    return found[0], found[1]


def commit() -> str:
    """Return the commit that is measured."""
    done = subprocess.run(
        ("git", "rev-parse", "--short=12", "HEAD"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _seeds(first: int) -> Iterator[int]:
    return count(first)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200, help="incidents (default 200)")
    parser.add_argument("--labs", type=int, default=1000, help="labs alive at once (default 1000)")
    chosen = parser.parse_args()
    table = Table()
    seeds = _seeds(10_000)
    table.add(
        "set-up, procedural",
        milliseconds(lambda: Lab(generate(next(seeds), task=Task.MITIGATION)), chosen.count),
        SETUP_MS,
        "ms",
    )
    for application in ("hotel-reservation", "social-network", "astronomy-shop"):
        ids = [p.id for p in PROBLEMS.values() if p.application == application]
        queue = iter(ids)
        spent = milliseconds(lambda queue=queue: Lab(scenario_of(next(queue))), len(ids))
        table.add(f"set-up, the {len(ids)} problems of {application}", spent, SETUP_MS, "ms")
    busy = busy_lab()
    pods = parse("kubectl get pods", default_namespace=busy.namespace)
    table.add(f"`get pods`, {PODS} pods", milliseconds(lambda: busy.read(pods), 500), PODS_MS, "ms")
    labs = [Lab(generate(seed, task=Task.MITIGATION)) for seed in range(chosen.count)]
    waiting = iter(labs)
    steps = milliseconds(lambda: episode(next(waiting)), chosen.count)
    table.add("episode, 10 steps and the verdict", steps, EPISODE_MS, "ms")
    whole = milliseconds(
        lambda: episode(Lab(generate(next(seeds), task=Task.MITIGATION))), chosen.count
    )
    table.add("episode with its set-up", whole, None, "ms")
    procedural, real = memory(chosen.labs)
    table.add(
        f"{chosen.labs} procedural labs", [procedural * chosen.labs / 1024], THOUSAND_GB, "GiB"
    )
    table.add(
        f"{chosen.labs} labs of real applications", [real * chosen.labs / 1024], THOUSAND_GB, "GiB"
    )
    rate = 1000 / statistics.mean(whole)
    how = (
        f"`python -m tests.bench.bench_lab --count {chosen.count} --labs {chosen.labs}`, commit "
        f"{commit()}, Python {platform.python_version()}, {platform.machine()}, "
        f"{os.cpu_count()} cores; seeds from 10,000. Times are of the process's CPU."
    )
    speed = (
        f"{rate:.0f} episodes with their set-up per core-second: 200,000 take "
        f"{200_000 / rate / 16 / 60:.0f} minutes on 16 such cores."
    )
    told = [
        how,
        "",
        *table.lines,
        "",
        speed,
        "",
        "### Where the time of a set-up goes",
        "",
        *profile(lambda: [Lab(generate(seed)) for seed in range(30_000, 30_060)]),
        "",
        "### Where the time of an episode goes",
        "",
        *profile(
            lambda: [
                episode(Lab(generate(seed, task=Task.MITIGATION))) for seed in range(31_000, 31_060)
            ]
        ),
    ]
    sys.stdout.write("\n".join(told) + "\n")
    return 0 if table.held else 1


if __name__ == "__main__":
    sys.exit(main())
