"""What a player is told before the first line: the application, the task, what may be typed.

Invariant: all of it follows from the lab as a user of the cluster could see it; nothing of the
ground truth is read here.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from agents.contracts.incident import Task
from agents.environments.simulated.answers import FORMS
from agents.environments.simulated.applications.graph import STORES
from agents.environments.simulated.faults.family import FAULT_TYPES, SYSTEM_LEVELS
from agents.environments.simulated.kubectl import helmshell, shell, writes
from agents.policy.actions import TYPED
from agents.policy.reads import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.environments.simulated.lab import Lab

_WIDTH = 96
_INDENT = " " * 13
_QUESTIONS: dict[Task, str] = {
    Task.DETECTION: "Say whether anything is wrong with the application now. Nothing needs to be "
    "changed; the strict verdict fails whoever changes a healthy system.",
    Task.LOCALIZATION: "Say which service the trouble comes from.",
    Task.ANALYSIS: f"Say on which level the root cause lies ({', '.join(SYSTEM_LEVELS)}) and of "
    f"which type it is ({', '.join(FAULT_TYPES)}).",
    Task.MITIGATION: "Repair the application, then submit. The state is judged, not the way to "
    "it; the strict verdict wants users served for minutes after, and nothing else broken.",
}


def instructions(lab: Lab, *, hints: bool = True) -> str:
    """Return the description of the application, what to submit, and the allowed commands."""
    own = "alerts, tick SECONDS, " + ("hint, " if hints else "") + "submit, help"
    return "\n".join(
        (
            _row("Application", _described(lab)),
            _row("Task", f"{lab.scenario.task}. {_QUESTIONS[lab.scenario.task]}"),
            _row("Answer", FORMS[lab.scenario.task]),
            _row("Reads", _listed(VERBS, shell.READS, helmshell.READS)),
            _row("Writes", _listed(TYPED, writes.WRITES, helmshell.WRITES)),
            _row("Others", own),
            _row(
                "A line",
                "One command without pipes or shell syntax; a manifest goes into `kubectl apply "
                f"-f - <<'EOF'`. The namespace is {lab.namespace} unless said. Every command "
                "takes its virtual seconds; nothing else moves the clock but tick.",
            ),
        )
    )


def alert_lines(alerts: Iterable[dict[str, object]]) -> list[str]:
    """Return alerts as lines: severity, name, since when, then what it says, then its labels."""
    found: list[str] = []
    for alert in alerts:
        labels, annotations = _texts(alert["labels"]), _texts(alert["annotations"])
        severity, name = labels.get("severity", "unknown"), labels.get("alertname", "alert")
        found.append(f"{severity} {name} since {alert['startsAt']}")
        found += [f"  {words}" for words in annotations.values() if words]
        found.append("  " + " ".join(f"{key}={value}" for key, value in sorted(labels.items())))
    return found


def _described(lab: Lab) -> str:
    application = lab.scenario.application
    kinds: dict[str, int] = {}
    for component in application.components:
        if component.program.protocol in STORES:
            kinds[component.program.protocol] = kinds.get(component.program.protocol, 0) + 1
    stores = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return (
        f"{application.name} in namespace {lab.namespace}: {len(application.components)} "
        f"services{f', of them data stores: {stores}' if stores else ''}. Users come in through "
        f"{application.entry}, about {application.load:g} requests a second."
    )


def _listed(allowed: frozenset[str], *known: Iterable[str]) -> str:
    """Return the verbs that policy allows and the lab knows (kubectl's, helm's), by program."""
    told = []
    for program, verbs in zip(("kubectl", "helm"), known, strict=True):
        both = sorted(verb for verb in verbs if f"{program} {verb}" in allowed)
        told.append(f"{program} {', '.join(both)}")
    return "; ".join(told)


def _row(name: str, text: str) -> str:
    first = f"{name:<{len(_INDENT)}}"
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _texts(value: object) -> dict[str, str]:
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else {}
