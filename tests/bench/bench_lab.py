"""Measures the lab: set-up, one read, one episode, how many labs fit into memory.

Run: `python tests/bench/bench_lab.py`. Prints one line a measurement; asserts nothing.
"""

import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable

from agents.contracts.incident import Task
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.policy.parse import parse

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


def milliseconds(work: Callable[[], object], times: int) -> list[float]:
    """Return how long each of `times` calls took."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append((time.perf_counter() - start) * 1e3)
    return found


def show(name: str, values: list[float], unit: str = "ms") -> None:
    """Print the median and the worst of some measurements."""
    worst = sorted(values)[max(0, int(len(values) * 0.95) - 1)]
    print(f"{name:<34}{statistics.median(values):>9.2f} {unit} (p95 {worst:.2f})")  # noqa: T201 - the result


def episode(lab: Lab) -> None:
    """Nine reads, the repair, the verdict: what a rollout without a model costs."""
    application = lab.scenario.application
    service = lab.scenario.service
    caller = (application.callers(service) or [application.entry])[0]
    for line in LINES:
        text = line.format(service=service, caller=caller)
        lab.read(parse(text, default_namespace=lab.namespace))
    repair = parse(lab.ground_truth.repairs[0], default_namespace=lab.namespace)
    lab.act(repair)
    lab.judge(Submission(task=Task.MITIGATION, reason=SubmitReason.ANSWERED))


def main(count: int) -> None:
    """Measure over `count` incidents."""
    seeds = iter(range(10_000, 10_000 + 10 * count))
    show("set-up", milliseconds(lambda: Lab(generate(next(seeds), task=Task.MITIGATION)), count))
    labs = [Lab(generate(seed, task=Task.MITIGATION)) for seed in range(count)]
    pods = parse("kubectl get pods", default_namespace=labs[0].namespace)
    show("get pods", milliseconds(lambda: labs[0].read(pods), 200))
    queue = iter(labs)

    def work() -> None:
        episode(next(queue))

    show("episode, 10 steps and verdict", milliseconds(work, count))
    alerts = [milliseconds(lab.alerts, 1)[0] for lab in labs]
    show("alerts", alerts)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    many = [Lab(generate(seed)) for seed in range(20_000, 20_000 + 3 * count)]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    show("memory of one lab", [grown / len(many) / 1024], "MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
