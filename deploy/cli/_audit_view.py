"""The audit and the result of its check, as tables or blocks and as one JSON object.

Invariant: a finding is shown whole: writer, number, place, expected and actual; text from records
is printed as text.
"""

from collections.abc import Sequence

import orjson
from rich.table import Table
from rich.text import Text

from agents.approval.audit_finding import ChainReport, Finding, Link, TrailReport
from deploy.cli._request_view import plain
from streams.topics import AUDIT, AUDIT_HEADS


def chains_table(report: TrailReport) -> Table:
    """Return one row a chain."""
    rows = Table()
    for name in ("writer", "records", "first", "last", "head", "head at", "state"):
        rows.add_column(name, overflow="fold")
    for one in report.chains:
        rows.add_row(
            plain(one.writer),
            str(one.records),
            str(one.begins) if one.records else "",
            str(one.last) if one.records else "",
            "none" if one.head is None else str(one.head),
            "" if one.head_at is None else f"{one.head_at:%Y-%m-%d %H:%M:%S}",
            _state(one),
        )
    return rows


def findings_list(findings: Sequence[Finding]) -> Text:
    """Return a block a finding, with whole hashes whatever the terminal's width."""
    blocks = []
    for one in findings:
        number = "" if one.index < 0 else f" #{one.index}"
        block = Text.assemble((one.kind, "red"), " ", plain(one.writer), f"{number}  {place(one)}")
        for name, text in (("expected", one.expected), ("actual  ", one.actual)):
            block.append(f"\n  {name} ").append_text(plain(text))
        blocks.append(block)
    return Text("\n").join(blocks)


def trail_table(links: Sequence[Link]) -> Table:
    """Return one row a record, oldest first."""
    rows = Table()
    for name in ("at", "writer", "number", "kind", "incident", "record"):
        rows.add_column(name, overflow="fold")
    for link in sorted(links, key=_moment):
        record = link.record
        rows.add_row(
            _when(link),
            plain(record.writer),
            str(record.index),
            record.kind,
            plain(record.incident_id[:8]),
            plain(orjson.dumps(record.record).decode()),
        )
    return rows


def trail_list(links: Sequence[Link]) -> Text:
    """Return a block a record, oldest first: for a terminal too narrow for the table."""
    blocks = []
    for link in sorted(links, key=_moment):
        record = link.record
        block = Text.assemble(_when(link), " ", (record.kind, "bold"))
        block.append("\n  ").append_text(plain(f"{record.writer} #{record.index}"))
        for name, value in record.record.items():
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            block.append("\n  ").append_text(plain(f"{name}: {text}"))
        blocks.append(block)
    return Text("\n").join(blocks)


def told(report: TrailReport, findings: Sequence[Finding]) -> str:
    """Return the result in one line."""
    records = sum(one.records for one in report.chains)
    chains = f"{records} records in {len(report.chains)} chains"
    if findings:
        return f"BROKEN: {len(findings)} findings in {chains}"
    loose = sum(_loose(one) for one in report.chains)
    if not records:
        return "nothing is recorded, and no head says that something was"
    return f"intact: {chains}; {loose} records are newer than their chain's head"


def content(report: TrailReport, findings: Sequence[Finding]) -> dict[str, object]:
    """Return the result as data for JSON."""
    return {
        "intact": not findings,
        "chains": [
            {
                "writer": one.writer,
                "records": one.records,
                "begins": one.begins,
                "anchored": one.anchored,
                "last": one.last,
                "head": one.head,
                "head_at": None if one.head_at is None else one.head_at.isoformat(),
                "findings": len(one.findings),
            }
            for one in report.chains
        ],
        "findings": [
            {
                "kind": one.kind,
                "writer": one.writer,
                "index": one.index,
                "topic": _topic(one),
                "partition": None if one.place is None else one.place.partition,
                "offset": None if one.place is None else one.place.offset,
                "expected": one.expected,
                "actual": one.actual,
            }
            for one in findings
        ],
    }


def place(finding: Finding) -> str:
    """Return where to look: topic, partition and offset."""
    if finding.place is None:
        return "the end" if finding.index >= 0 else ""
    return f"{_topic(finding)} {finding.place.partition}/{finding.place.offset}"


def _topic(finding: Finding) -> str:
    return AUDIT_HEADS.name if finding.in_heads else AUDIT.name


def _state(chain: ChainReport) -> Text:
    if chain.findings:
        return Text(f"broken: {len(chain.findings)}", "red")
    if not chain.records:
        return Text("taken by retention", "yellow")
    if chain.begins:
        known = "a head vouches for what was before" if chain.anchored else "nothing vouches for it"
        return Text(f"intact from {chain.begins} on, {known}", "yellow")
    return Text("intact", "green")


def _loose(chain: ChainReport) -> int:
    """Return how many records no head vouches for yet."""
    return chain.last - (-1 if chain.head is None else chain.head)


def _when(link: Link) -> str:
    when = link.record.at or link.time
    return "" if when is None else f"{when:%Y-%m-%d %H:%M:%S}"


def _moment(link: Link) -> tuple[str, str, int]:
    when = link.record.at or link.time
    return "" if when is None else when.isoformat(), link.record.writer, link.record.index
