"""Columns as kubectl prints them: tables of `get`, and the elastic tabs of `describe`.

Invariant: widths follow Go's text/tabwriter: a column is as wide as its widest cell in the run of
consecutive lines that have it, plus the padding; the last cell of a line is left alone.
"""

from collections.abc import Iterable, Sequence

_TABLE_PADDING = 3
_TEXT_PADDING = 2


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as lines; the first row is the header."""
    listed = [tuple(row) for row in rows]
    if not listed:
        return ""
    widths = [
        max(len(row[index]) for row in listed) + _TABLE_PADDING for index in range(len(listed[0]))
    ]
    lines = []
    for row in listed:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        lines.append("".join(cells) + row[-1])
    return "\n".join(lines) + "\n"


def elastic(lines: Sequence[str]) -> list[str]:
    """Return lines with their tabs replaced by blanks, as text/tabwriter aligns them."""
    rows = [line.split("\t") for line in lines]
    column = 0
    while any(len(row) - 1 > column for row in rows):
        start = 0
        while start < len(rows):
            end = start
            while end < len(rows) and len(rows[end]) - 1 > column:
                end += 1
            width = max((len(row[column]) for row in rows[start:end]), default=0) + _TEXT_PADDING
            for row in rows[start:end]:
                row[column] = row[column].ljust(width)
            start = end + 1
        column += 1
    return ["".join(row) for row in rows]
