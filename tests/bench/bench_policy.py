"""What policy adds to a step: `python -m tests.bench.bench_policy` prints microseconds.

Parsing and the decision are timed apart and together, for a read and for an act, with the shipped
rules; redaction on 10 kB of ordinary output and of output that is all about secrets.
"""

import platform
import statistics
import timeit
from collections.abc import Callable
from importlib.metadata import version

from agents.policy.actions import action_of, command_of
from agents.policy.parse import parse
from agents.policy.redact import redact
from tests.safety.judge import MANAGED, NAMESPACE, circumstances, shipped
from tests.safety.test_prompt import HARMLESS

READ = "kubectl get pods -l 'app in (geo,rate)' -o wide"
ACT = "kubectl rollout undo deployment/geo --to-revision=2"
PATCH = 'kubectl patch svc geo -p \'{"spec":{"ports":[{"port":8083,"targetPort":9090}]}}\''
ROUNDS, REPEATS = 500, 7


def microseconds(work: Callable[[], object]) -> float:
    """Return the median time of one call."""
    runs = timeit.repeat(work, number=ROUNDS, repeat=REPEATS)
    return statistics.median(runs) / ROUNDS * 1e6


def main() -> None:
    """Print one line a measurement."""
    policy, context = shipped(), circumstances()

    def judged(line: str) -> Callable[[], object]:
        return lambda: policy.decide(action_of(parse(line, NAMESPACE)), context)

    action = action_of(parse(PATCH, NAMESPACE))
    plain = ("geo-6b4b7c9d5f-x2x7q   1/1   Running   0   5m\n" * 220)[:10_000]
    dense = ("\n".join(HARMLESS) * 9)[:10_000]
    rows: dict[str, Callable[[], object]] = {
        "read: parse": lambda: parse(READ, NAMESPACE),
        "read: parse and policy": lambda: policy.may_read(parse(READ, NAMESPACE), MANAGED),
        "act: parse and policy (rollout undo)": judged(ACT),
        "act: parse and policy (patch)": judged(PATCH),
        "act: command of an action": lambda: command_of(action),
        "redact: 10 kB of pods": lambda: redact(plain),
        "redact: 10 kB about secrets": lambda: redact(dense),
    }
    print(f"python {platform.python_version()}, cedarpy {version('cedarpy')}, {platform.machine()}")  # noqa: T201 - the result
    for name, work in rows.items():
        print(f"{microseconds(work):8.1f} us  {name}")  # noqa: T201 - the result


if __name__ == "__main__":
    main()
