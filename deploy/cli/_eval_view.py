"""An evaluation as tables for a terminal: shares by verdict, parts of the benchmark, what it took.

Invariant: every row is in every table, so that no share stands without its chance.
"""

from rich.console import Group, RenderableType
from rich.table import Table

from agents.contracts.incident import Task
from learner.evaluation.benchmark.evaluation import Evaluation
from learner.evaluation.benchmark.report import VERDICT_NAMES, percent
from learner.evaluation.benchmark.scores import VERDICTS, Scores


def tables(found: Evaluation) -> RenderableType:
    """Return all tables."""
    parts = [_parts(found)] if found.groups else []
    return Group(_shares(found), *parts, _took(found))


def _shares(found: Evaluation) -> Table:
    """Return the shares; those of task types are avg@k."""
    settings = found.settings
    tasks = [task for task in Task if task in found.aiopslab.tasks]
    runs = f"{settings.runs} run{'s' if settings.runs > 1 else ''}"
    made = _table(
        f"{settings.tasks}: {found.aiopslab.problems} problems, {runs}"
        f"{', means over families' if found.macro else ''}",
        *("avg@1", "avg@k", "95 %", "best@k", *map(str, tasks)),
    )
    if found.undecidable is not None:
        made.caption = f"strict leaves out {found.undecidable.problems} undecidable problems"
    for row, report in found.rows.items():
        for verdict in VERDICTS:
            scores: Scores = getattr(report, verdict)
            between = scores.intervals["avg_at_k"]
            by_task = (scores.tasks.get(task) for task in tasks)
            made.add_row(
                row,
                VERDICT_NAMES[verdict],
                percent(scores.avg_at_1),
                percent(scores.avg_at_k),
                "-" if between is None else f"{100 * between[0]:.0f}-{100 * between[1]:.0f}",
                percent(scores.best_at_k),
                *(percent(None if score is None else score.avg_at_k) for score in by_task),
            )
    return made


def _parts(found: Evaluation) -> Table:
    columns = (("avg_at_k", "avg@k"), ("best_at_k", "best@k"))
    heads = (
        f"{name} ({group.aiopslab.problems}) {shown}"
        for name, group in found.groups.items()
        for _, shown in columns
    )
    made = _table("parts of the benchmark", *heads)
    for row, report in found.rows.items():
        for verdict in VERDICTS:
            scores = (getattr(group, verdict) for group in report.groups.values())
            shares = (percent(getattr(score, name)) for score in scores for name, _ in columns)
            made.add_row(row, VERDICT_NAMES[verdict], *shares)
    return made


def _took(found: Evaluation) -> Table:
    made = Table(title="what it took")
    made.add_column("row", no_wrap=True)
    names = ("steps", "malformed", "refused", "forbidden", "prompt tokens", "completion tokens")
    for name in (*names, "cost"):
        made.add_column(name, justify="right")
    for row, report in found.rows.items():
        took = report.took
        made.add_row(
            row,
            f"{took.steps:.1f}",
            f"{took.malformed:,}",
            f"{took.refused:,}",
            f"{took.forbidden:,}",
            f"{took.prompt_tokens:,}",
            f"{took.completion_tokens:,}",
            f"{took.cost:,.2f}",
        )
    return made


def _table(title: str, *numbers: str) -> Table:
    made = Table(title=title)
    for name in ("row", "verdict"):
        made.add_column(name, no_wrap=True)
    for name in numbers:
        made.add_column(name, justify="right")
    return made
