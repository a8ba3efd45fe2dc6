"""AIOpsLab's results of one session, under its keys and by its rules.

Invariant: these are that benchmark's numbers alone; our strict verdict is never mixed in.
Tokens are counted by a rule of our own: each run of letters and digits is one, and so is each
other sign that is no blank (its tokenizer is not shipped).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.environments.simulated.incidents import GroundTruth

Results = dict[str, str | float | bool]
Answer = str | tuple[str, ...] | Analysis | None

DURATION_KEYS: dict[Task, str] = {
    Task.DETECTION: "TTD",
    Task.LOCALIZATION: "TTL",
    Task.ANALYSIS: "TTA",
    Task.MITIGATION: "TTM",
}
_TOKEN = re.compile(r"[^\W_]+|[^\s\w]|_")


def tokens(texts: Iterable[str]) -> int:
    """Return how many tokens the texts have."""
    return sum(len(_TOKEN.findall(text)) for text in texts)


def answer_of(task: Task, solution: object) -> Answer:
    """Return what was submitted in the task's form, None where it has another form."""
    if task is Task.DETECTION:
        return solution if isinstance(solution, str) else None
    if task is Task.LOCALIZATION:
        if isinstance(solution, str):
            return (solution,)
        if isinstance(solution, list) and all(isinstance(name, str) for name in solution):
            return tuple(solution)
        return None
    if task is Task.ANALYSIS and isinstance(solution, dict):
        level, kind = solution.get("system_level"), solution.get("fault_type")
        if isinstance(level, str) and isinstance(kind, str):
            return Analysis(system_level=level, fault_type=kind)
    return None


def score(task: Task, truth: GroundTruth, solution: object, *, mended: bool) -> Results:
    """Return the task's own keys.

    solution: as submitted; mended: what the benchmark's check of the end state says.
    """
    if task is Task.DETECTION:
        return {"Detection Accuracy": _detection(truth, answer_of(task, solution))}
    if task is Task.LOCALIZATION:
        return _localization(truth, answer_of(task, solution))
    if task is Task.ANALYSIS:
        return _analysis(truth, solution)
    return {"success": mended}


def _detection(truth: GroundTruth, answer: Answer) -> str:
    if not isinstance(answer, str):
        return "Invalid Format"
    wanted = "yes" if truth.anomaly else "no"
    return "Correct" if answer.strip().lower() == wanted else "Incorrect"


def _localization(truth: GroundTruth, answer: Answer) -> Results:
    """The right names alone are a success; among others they earn their share and no success."""
    given = answer if isinstance(answer, tuple) else None
    wanted = set(truth.services)
    if given and len(wanted) == 1 and wanted.isdisjoint(given):
        wanted = next(({name} for name in given if name in truth.accepted), wanted)
    named = given is not None and wanted <= set(given)
    success = named and given is not None and len(given) == len(wanted)
    share = len(wanted) / len(given) if named and given else float(success)
    return {
        "Localization Accuracy": round(100.0 * share, 6),
        "success": success,
        "is_subset": named,
    }


def _analysis(truth: GroundTruth, solution: object) -> Results:
    """Each label is right by itself; with several faults those of one count."""

    def same(key: str, wanted: str | None) -> bool:
        given = solution.get(key) if isinstance(solution, dict) else None
        return isinstance(given, str) and given.strip().lower() == (wanted or "").lower() != ""

    level, kind = max(
        (
            (same("system_level", one.system_level), same("fault_type", one.fault_type))
            for one in (truth, *truth.also)
        ),
        key=sum,
    )
    return {
        "system_level_correct": level,
        "fault_type_correct": kind,
        "success": level and kind,
    }
