"""Outcomes of episodes that nobody played."""

from typing import Any

from agents.contracts.incident import Task
from learner.evaluation.benchmark.outcomes import Outcome


def outcome(problem: str = "p", run: int = 0, *, right: bool = True, **more: Any) -> Outcome:
    """Return an outcome; `more` replaces fields."""
    values: dict[str, Any] = {
        "row": "model",
        "problem": problem,
        "run": run,
        "seed": run,
        "family": "f",
        "task": Task.DETECTION,
        "aiopslab": right,
        "strict": right,
        "reason": "",
        "answer": "Yes",
        "steps": 3,
        "replies": 3,
        "malformed": 0,
        "acts": 0,
        "refused": 0,
        "forbidden": 0,
    }
    return Outcome(**(values | more))
