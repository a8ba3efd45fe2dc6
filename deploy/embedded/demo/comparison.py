"""Round one beside round two: each incident and its sibling, and what that does not prove.

Invariant: what was wrong in a lab is not shown, only what was answered and what came of it; a
difference is never told without how little it is worth.
"""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agents.contracts.trajectory import Outcome
from deploy.embedded.demo.board import Board, Pair, Row, counts
from deploy.embedded.demo.view import COLOURS

PAIRS_OF_A_CLAIM = 200
"""Below it, a difference of ten points of success is not told from chance (paired, 80 % power)."""
JUDGED = {Outcome.SUCCESS, Outcome.FAILURE}
NOTHING = "-"


def compared(board: Board) -> RenderableType:
    """Return the closing table of two rounds with its sentences."""
    table = Table(title="Round one and its siblings in round two", expand=True, show_lines=True)
    for name, ratio in (
        ("task", 3),
        ("one: diagnosis", 5),
        ("steps", 1),
        ("outcome", 2),
        ("two: diagnosis", 5),
        ("steps", 1),
        ("outcome", 2),
        ("model", 5),
        ("guidance", 2),
    ):
        table.add_column(name, overflow="fold", ratio=ratio)
    for one, other in board.pairs():
        task = next((row.task for row in (one, other) if row is not None), "")
        table.add_row(task, *_told(one), *_told(other), *_made_by(other))
    return Group(table, Text(totals(board)), Text(worth(board.pairs()), style="dim"))


def totals(board: Board) -> str:
    """Return each round's counts in a sentence."""
    parts = []
    for number in range(1, len(board.rounds) + 1):
        rows = board.of(number)
        counted = counts(rows)
        parts.append(
            f"round {number}: {counted['resolved']} of {counted['incidents']} resolved in "
            f"{sum(row.steps for row in rows)} steps, {counted['acts']} acts"
        )
    return "; ".join(parts)


def worth(pairs: list[Pair]) -> str:
    """Return how many pairs went better or worse, and what so few of them prove: nothing."""
    judged = [
        (one.outcome, other.outcome)
        for one, other in pairs
        if one is not None
        and other is not None
        and one.outcome in JUDGED
        and other.outcome in JUDGED
    ]
    better = judged.count((Outcome.FAILURE, Outcome.SUCCESS))
    worse = judged.count((Outcome.SUCCESS, Outcome.FAILURE))
    noun = "pair" if len(judged) == 1 else "pairs"
    said = (
        f"{len(judged)} {noun}: {better} went better, {worse} worse, "
        f"{len(judged) - better - worse} alike."
    )
    if len(judged) >= PAIRS_OF_A_CLAIM:
        return said
    return (
        f"{said} So few prove nothing: a claim that a model became better needs "
        f"{PAIRS_OF_A_CLAIM} fresh pairs or more, as an evaluation draws them."
    )


def _told(row: Row | None) -> tuple[str, str, Text]:
    if row is None:
        return NOTHING, NOTHING, Text(NOTHING)
    style = COLOURS.get(row.outcome, "") if row.outcome else ""
    return row.answer or NOTHING, str(row.steps), Text(row.outcome or "open", style=style)


def _made_by(row: Row | None) -> tuple[str, str]:
    if row is None or not row.model:
        return NOTHING, NOTHING
    return row.model, "yes" if row.guidance else "no"
