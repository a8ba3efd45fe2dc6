"""The demo on a terminal: a live table while it runs, the final one when it ends."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agents.contracts.trajectory import Outcome
from deploy.embedded.demo.board import Act, Board, Row

COLOURS = {Outcome.SUCCESS: "green", Outcome.FAILURE: "red", Outcome.UNKNOWN: "yellow"}


def live(board: Board, *, note: str, seconds: float) -> RenderableType:
    """Return the picture of a run under way."""
    table = Table(title=f"AOI · {seconds:5.1f} s · {board.facts} facts seen", expand=True)
    for name in ("incident", "task", "step", "stage", "last line"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for row in board.rows.values():
        table.add_row(
            row.incident_id[:8],
            row.task,
            str(row.steps),
            Text(_stage(row), style=COLOURS.get(row.outcome, "") if row.outcome else ""),
            row.line,
        )
    return Group(table, Text(note, style="dim"))


def final(board: Board) -> Table:
    """Return the closing table: what was diagnosed, approved and done, and what came of it."""
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
    for row in board.rows.values():
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


def _told(act: Act) -> str:
    return " -> ".join(part for part in (act.line, act.decided, act.result) if part)


def _stage(row: Row) -> str:
    return str(row.outcome) if row.outcome else row.stage
