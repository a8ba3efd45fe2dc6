"""Tables as kubectl prints them: columns padded by three blanks, the last one left alone."""

from collections.abc import Iterable, Sequence

_PADDING = 3


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as lines; the first row is the header."""
    listed = [tuple(row) for row in rows]
    if not listed:
        return ""
    widths = [max(len(row[index]) for row in listed) for index in range(len(listed[0]))]
    lines = []
    for row in listed:
        cells = [
            cell.ljust(width + _PADDING) for cell, width in zip(row[:-1], widths[:-1], strict=True)
        ]
        lines.append("".join(cells) + row[-1])
    return "\n".join(lines) + "\n"


def aligned(rows: Iterable[Sequence[str]], *, indent: str = "", padding: int = 2) -> list[str]:
    """Return rows as padded lines of a `describe` section, trailing blanks cut."""
    listed = [tuple(row) for row in rows]
    if not listed:
        return []
    widths = [max(len(row[index]) for row in listed) for index in range(len(listed[0]))]
    return [
        indent
        + "".join(
            cell.ljust(width + padding) for cell, width in zip(row[:-1], widths[:-1], strict=True)
        )
        + row[-1]
        for row in listed
    ]
