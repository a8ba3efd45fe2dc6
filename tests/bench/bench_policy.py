"""What policy adds to a step: `make bench-policy` prints microseconds of CPU, and ratios.

Parsing and the decision are timed apart and together, for every benign read and act of the safety
tests, with the shipped rules and without what earlier lines left in memory; redaction on 10 kB of
ordinary output and of output that is all about secrets. The ratio is to one `shlex.split` of the
same line in the same run, which any machine can compare. What a signature costs stands apart,
outside of the budget: the Executor verifies one a decision, once an act. Ends with 1 when any
command with its decision takes longer than `BUDGET`.
"""

import platform
import shlex
import statistics
import sys
import time
import timeit
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version

from agents.approval.keyring import Purpose
from agents.approval.signing import SigningKey, is_decision_of, sign_decision
from agents.contracts.approval import DecisionPayload, DecisionVerdict
from agents.contracts.ids import ApprovalId, IncidentId
from agents.policy import inner
from agents.policy.actions import action_of, command_of
from agents.policy.parse import parse
from agents.policy.redact import redact
from agents.policy.render import render
from tests.safety.canary import ASKED, READS, UNASKED
from tests.safety.judge import MANAGED, NAMESPACE, circumstances, shipped
from tests.safety.test_prompt import HARMLESS

BUDGET = 300.0
"""Microseconds for one command: parsed, typed and judged."""
READ = "kubectl get pods -l 'app in (geo,rate)' -o wide"
ACT = "kubectl rollout undo deployment/geo --to-revision=2"
PATCH = 'kubectl patch svc geo -p \'{"spec":{"ports":[{"port":8083,"targetPort":9090}]}}\''
ROUNDS, FEW, REPEATS = 200, 20, 25
TURNS = 60  # of all lines: about two minutes, so that no spell of a neighbour outlasts them
INTERRUPTED = 130


def microseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the least CPU time of one call over the repeats; a neighbour only ever adds to it."""
    runs = timeit.repeat(work, number=rounds, repeat=REPEATS, timer=time.process_time)
    return min(runs) / rounds * 1e6


def each(work: Callable[[str], object], lines: Iterable[str]) -> dict[str, float]:
    """Return what each line takes; its repeats lie far apart, so that no noise meets all of one."""
    least = dict.fromkeys(lines, float("inf"))
    for _ in range(TURNS):
        for line in least:
            took = timeit.timeit(partial(work, line), number=FEW, timer=time.process_time)
            least[line] = min(least[line], took / FEW * 1e6)
    return least


def signature() -> Callable[[], object]:
    """Return the check of one decision's signature, canonical bytes included."""
    key, now = SigningKey.generate(), datetime.now(UTC)
    payload = DecisionPayload(
        approval_id=ApprovalId("approval"),
        incident_id=IncidentId("incident"),
        action_hash="0" * 64,
        order_hash="0" * 64,
        verdict=DecisionVerdict.APPROVE,
        approver="alice",
        not_before=now,
        expires=now + timedelta(minutes=15),
        cluster="bench",
        policy_version="0" * 64,
    )
    decision, entry = sign_decision(key, payload), key.entry("alice", Purpose.APPROVE)
    if not is_decision_of(entry, decision):
        raise RuntimeError("expected a signature that holds: another would end before its end")
    return lambda: is_decision_of(entry, decision)


def forget() -> None:
    """Empty what policy remembers of names, so that every line is the first of its kind."""
    inner.says_secret.cache_clear()
    inner._is_secret_file.cache_clear()


def main() -> int:
    """Print one line a measurement; returns the exit code."""
    policy, context = shipped(), circumstances()

    def judged(line: str) -> object:
        forget()
        return policy.decide(action_of(parse(line, NAMESPACE)), context)

    def seen(line: str) -> object:
        forget()
        return policy.may_read(parse(line, NAMESPACE), MANAGED)

    reads, acts = each(seen, [*READS, READ]), each(judged, [*ASKED, *UNASKED, ACT, PATCH])
    action, command = action_of(parse(PATCH, NAMESPACE)), parse(READ, NAMESPACE)
    plain = ("geo-6b4b7c9d5f-x2x7q   1/1   Running   0   5m\n" * 220)[:10_000]
    dense = ("\n".join(HARMLESS) * 9)[:10_000]
    unit = {line: microseconds(lambda line=line: shlex.split(line)) for line in (READ, ACT, PATCH)}
    judgements = {
        "read: parse and policy": (READ, reads[READ]),
        "act: parse and policy (rollout undo)": (ACT, acts[ACT]),
        "act: parse and policy (patch)": (PATCH, acts[PATCH]),
    }
    parts = {
        "read: parse": (READ, microseconds(lambda: parse(READ, NAMESPACE))),
        "read: argv of a command": (READ, microseconds(lambda: render(command))),
        "act: parse and type (patch)": (
            PATCH,
            microseconds(lambda: action_of(parse(PATCH, NAMESPACE))),
        ),
        "act: command of an action": (PATCH, microseconds(lambda: command_of(action))),
    }
    _say(f"python {platform.python_version()}, cedarpy {version('cedarpy')}, {platform.machine()}")
    for name, (line, took) in {**judgements, **parts}.items():
        _say(f"{took:8.1f} us  {took / unit[line]:5.1f} x shlex.split  {name}")
    for name, timed in {"reads": reads, "acts": acts}.items():
        middle, most = statistics.median(timed.values()), max(timed.values())
        _say(f"{middle:8.1f} us  median of {len(timed)} {name}, the slowest {most:.1f} us")
    for name, text in {"of pods": plain, "about secrets": dense}.items():
        _say(f"{microseconds(lambda text=text: redact(text)):8.1f} us  redact: 10 kB {name}")
    _say(f"{microseconds(signature()):8.1f} us  one decision's signature verified (not a step's)")
    slow = [(line, took) for line, took in (reads | acts).items() if took > BUDGET]
    for line, took in slow:
        _say(f"over {BUDGET:.0f} us: {took:.1f} us for {line}")
    return 1 if slow else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        _say("stopped; what is above was measured to its end")
        sys.exit(INTERRUPTED)
