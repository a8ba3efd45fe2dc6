"""Shows a request for approval to a person: the act first, what proves it, what undoes it.

Invariant: everything from the cluster or a model is printed as text, never as markup, and control
characters are shown, not sent to the terminal: a diff must not be able to hide its own lines. The
act is told from its typed form (`streams/approvals/shown.py`); the diff is called unsigned.
"""

import unicodedata
from datetime import datetime

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agents.contracts.approval import ActionApproved, ActionRefused
from agents.invisible import INVISIBLE
from agents.policy.actions import words_of
from streams.approvals.client import Asked
from streams.approvals.shown import shown_of, typed

COLOURS = {"low": "green", "medium": "yellow", "high": "red"}
KEPT_CONTROLS = "\n\t"
DRY_RUN = Text("dry run, as the preview says: not signed")


def plain(text: str) -> Text:
    """Return text with control, direction and invisible characters made visible."""
    return Text(
        "".join(
            f"\\u{ord(one):04x}" if _is_unseen(one) and one not in KEPT_CONTROLS else one
            for one in text
        )
    )


def _is_unseen(one: str) -> bool:
    return unicodedata.category(one) in {"Cc", "Cf", "Zl", "Zp"} or bool(INVISIBLE.match(one))


def panel(asked: Asked, now: datetime) -> RenderableType:
    """Return everything that an approver needs in order to decide."""
    fact, preview = asked.fact, asked.fact.preview
    shown = shown_of(fact)
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    for fault in shown.faults:
        rows.add_row(Text("FALSE", style="bold red"), plain(f"this request {fault}"))
    rows.add_row("act", plain(shown.words))
    rows.add_row("as a line", plain(shown.line))
    rows.add_row("as signed", plain(shown.typed))
    if fact.reason is not None:
        because = f"{fact.reason}: {fact.reason_message or ''} (not signed)"
        rows.add_row("asked because", plain(because))
    rows.add_row("risk", Text(shown.risk, style=COLOURS[shown.risk]))
    touched = [
        f"{one.kind}/{one.name} in {one.namespace or 'no namespace'} "
        f"({'not there yet' if one.resource_version is None else f'at {one.resource_version}'})"
        for one in preview.touched
    ]
    rows.add_row("blast radius", plain(f"{preview.pods_affected} pods; {', '.join(touched)}"))
    if preview.rollback is None:
        rows.add_row("rollback", "nothing undoes it")
    else:
        rows.add_row("rollback", plain(words_of(preview.rollback)))
        rows.add_row("as signed", plain(typed(preview.rollback)))
    rows.add_row("evidence", plain(f"{fact.evidence} (the proposer's claim)"))
    rows.add_row("proposer", plain(f"{fact.proposer}, {fact.confidence} % confident"))
    rows.add_row("severity", plain(fact.severity))
    rows.add_row("incident", plain(fact.incident_id))
    rows.add_row("cluster", plain(f"{fact.cluster}, policy {fact.policy_version[:12]}"))
    rows.add_row("approvers", plain(tally(asked)))
    rows.add_row("state", plain(state(asked, now)))
    diff = Panel(diff_of(preview.diff), title=DRY_RUN, title_align="left")
    title = Text.assemble("request ", plain(fact.approval_id))
    return Panel(Group(rows, diff), title=title, title_align="left")


def diff_of(text: str) -> Text:
    """Return a diff with its added and removed lines coloured."""
    shown = Text()
    for line in plain(text or "(no change)").split("\n"):
        colour = {"+": "green", "-": "red"}.get(line.plain[:1], "")
        line.stylize(colour)
        shown.append_text(line).append("\n")
    shown.rstrip()
    return shown


def table(found: list[Asked], now: datetime) -> Table:
    """Return one row a request."""
    rows = Table()
    rows.add_column("request", no_wrap=True)  # an id that is cut can't be typed
    for name in ("asked at", "state", "risk", "act"):
        rows.add_column(name, overflow="fold")
    rows.add_column("incident", no_wrap=True)
    for one in found:
        shown = shown_of(one.fact)
        rows.add_row(
            plain(one.fact.approval_id[:8]),
            f"{one.fact.requested_at:%Y-%m-%d %H:%M:%S}",
            plain(state(one, now)),
            Text(shown.risk, style=COLOURS[shown.risk]),
            plain(f"FALSE, it says otherwise: {shown.words}" if shown.faults else shown.words),
            plain(one.fact.incident_id[:8]),
        )
    return rows


def state(asked: Asked, now: datetime) -> str:
    """Return what became of a request in a few words."""
    match asked.settled:
        case ActionApproved() as order:
            return f"approved by {', '.join(one.payload.approver for one in order.decisions)}"
        case ActionRefused() as refusal:
            return f"refused by {refusal.approver or refusal.refused_by}: {refusal.message}"
    left = (asked.fact.expires - now).total_seconds()
    if left <= 0:
        return "expired"
    so_far = f"{tally(asked)}, " if asked.approved_by or asked.fact.approvers_needed > 1 else ""
    return f"open, {so_far}expires in {left:.0f} s"


def tally(asked: Asked) -> str:
    """Return how many approvals a request has of those it needs, and whose."""
    needed, names = asked.fact.approvers_needed, asked.approved_by
    if names is None:
        return f"{needed} needed"
    return f"{len(names)} of {needed}" + (f": {', '.join(names)}" if names else "")
