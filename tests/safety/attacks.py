"""The attack table (rows Shell and kubectl): every line, the reason it is denied for, and where.

A line stands in one of four tables, under its reason; «» around a part of it mark the place that
its refusal must cover. A line without marks is refused as a whole, or by policy.
"""

from agents.policy.kinds import KINDS
from agents.policy.refusal import Place
from agents.policy.shell import MAX_LINE
from tests.safety.attacks_exec import EXEC
from tests.safety.attacks_kubectl import KUBECTL
from tests.safety.attacks_policy import POLICY
from tests.safety.attacks_shell import SHELL

# too long to stand in a table
_LONG: dict[str, list[str]] = {
    "too_long": [
        "kubectl get " + "a" * 100_000,
        "kubectl get " + "a " * 50_000,
        f"kubectl get pods -l '{'a' * MAX_LINE}'",
        f"kubectl get pods -l '{'é' * (MAX_LINE // 2)}'",
        "kubectl get pods " + "| sh " * 1_000,
        "kubectl get pods " + "-A " * 2_000,
        "kubectl get pods " + "\n" * 70_000,
        "kubectl patch svc x -p '" + "\n" * 5_000 + "'",
        "kubectl apply -f - <<'EOF'\n" + "a: b\n" * 20_000 + "EOF",
    ],
    "bad_operand": [
        f"kubectl get «{','.join(sorted(KINDS.keys() - {'all'}))} a b c d e f»",
        "kubectl get «pods " + " ".join(f"a{number}" for number in range(201)) + "»",
    ],
    "bad_manifest": [
        "kubectl patch deploy x -p '" + "[" * 1_000 + "'",
        "kubectl patch deploy x -p '" + '{"a":' * 40 + "1" + "}" * 40 + "'",
        "kubectl apply -f - <<'EOF'\n" + "[" * 10_000 + "\nEOF",
        "kubectl apply -f - <<'EOF'\n" + '{"a":' * 10_000 + "\nEOF",
    ],
}


def unmarked(text: str) -> tuple[str, Place | None]:
    """Return a line without its marks, and the marked place."""
    start, end = text.find("«"), text.find("»")
    line = text.replace("«", "", 1).replace("»", "", 1)
    return line, None if start < 0 else Place(start, end - 1)


ROWS: list[tuple[str, str, Place | None]] = [
    (reason, *unmarked(text))
    for table in (SHELL, KUBECTL, EXEC, POLICY, _LONG)
    for reason, lines in table.items()
    for text in lines
]
"""Reason, line, and the marked place."""
