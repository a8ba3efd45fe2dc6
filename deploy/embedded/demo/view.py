"""The demo on a terminal: a live table while it runs, the final one when it ends."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agents.contracts.trajectory import Outcome
from deploy.embedded.demo.board import ASKS, Act, Board, Row
from deploy.embedded.demo.learning import Learned
from deploy.embedded.demo.progress import Progress

COLOURS = {Outcome.SUCCESS: "green", Outcome.FAILURE: "red", Outcome.UNKNOWN: "yellow"}


def live(board: Board, number: int, *, note: str, seconds: float) -> RenderableType:
    """Return the picture of a round under way."""
    table = Table(title=f"AOI · {seconds:5.1f} s · {board.facts} facts seen", expand=True)
    for name in ("incident", "task", "step", "stage", "last line"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for row in board.of(number):
        table.add_row(
            row.incident_id[:8],
            row.task,
            str(row.steps),
            Text(_stage(row), style=COLOURS.get(row.outcome, "") if row.outcome else ""),
            row.line,
        )
    return Group(table, Text(note, style="dim"))


def line(row: Row) -> str | None:
    """Return in a line that an incident waits for a person, or how it ended; else None."""
    name = f"{row.incident_id[:8]} {row.task}"
    if row.outcome is not None:
        return f"{name}: {row.outcome} after {row.steps} steps, {row.reason}"
    return f"{name}: waits for an approval: {row.line}" if row.stage == ASKS else None


def final(board: Board, number: int) -> Table:
    """Return a round's closing table: what was diagnosed, approved, done, and what came of it."""
    table = Table(title="What happened", expand=True, show_lines=True)
    for name, ratio in (
        ("incident", 2),
        ("task", 3),
        ("diagnosis", 4),
        ("steps", 1),
        ("acts: line, approval, result", 12),
        ("outcome", 2),
        ("why", 6),
    ):
        table.add_column(name, overflow="fold", ratio=ratio)
    for row in board.of(number):
        table.add_row(
            row.incident_id[:8],
            row.task,
            row.answer,
            str(row.steps),
            "\n".join(_told(act) for act in row.acts.values()) or "-",
            Text(row.outcome or "open", style=COLOURS.get(row.outcome, "") if row.outcome else ""),
            row.reason,
        )
    return table


def learning(steps: Iterable[Progress], *, seconds: float) -> RenderableType:
    """Return the picture of the learner's turn: a bar for each step that it told of."""
    table = Table(title=f"AOI learns · {seconds:5.1f} s", expand=True)
    table.add_column("step", no_wrap=True)
    table.add_column("", ratio=1)
    table.add_column("told", ratio=2, no_wrap=True, overflow="ellipsis")
    for step in steps:
        done = f"{step.done} of {step.of}" if step.of else ""
        bar = ProgressBar(total=step.of or 1, completed=step.done)
        table.add_row(step.step, bar, f"{done}  {step.told}".strip())
    return table


def learned(result: Learned) -> Text:
    """Return in a sentence what came of the learner's turn."""
    if result.failed:
        return Text(
            f"the learner failed: {result.failed}. Round two goes on with what there is.",
            style="red",
        )
    parts = [f"the learner took {result.seconds:.0f} s"]
    if (turn := result.told) is not None and not turn.failures and not turn.updates:
        parts.append("nothing had failed, so there was nothing to learn from")
    elif turn is not None:
        parts.append(f"{turn.failures} failures read, {turn.corrected} corrections proved")
        parts.append(f"{len(turn.updates)} updates of the policy")
        parts.append(f"verdict on the candidate: {result.verdict.replace('_', ' ')}")
        parts.append(f"promoted: {turn.promoted or 'none'}")
    return Text("; ".join(parts))


def _told(act: Act) -> str:
    return " -> ".join(part for part in (act.line, act.decided, act.result) if part)


def _stage(row: Row) -> str:
    return str(row.outcome) if row.outcome else row.stage
