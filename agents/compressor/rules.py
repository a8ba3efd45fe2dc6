"""Rule-based compression: fold repeats, keep errors, cut the middle last.

Invariant: a line that carries an error or a warning outlives every line that does not; order is
kept; nothing is invented: every kept line is a line of the input, a fold says how often it stood.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

NOTABLE = re.compile(
    r"error|fail|warn|refus|denied|timeout|timed out|unreachable|no such host|back-?off|oom|kill"
    r"|crash|not ready|unhealthy|unavailable|missing|forbidden|exceed|mismatch|invalid|panic|fatal",
    re.IGNORECASE,
)
VARIES = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?|\d\d:\d\d:\d\d(?:[.,]\d+)?|0x[0-9a-f]+"
    r"|\b[0-9a-f]{8,}\b|\b\d+(?:\.\d+)?(?:ms|s|us|µs)?\b"
)
LOG_FROM_LINES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """The text that is left, and how many lines of the input it does not show."""

    text: str
    dropped: int


def compress(text: str, budget: int) -> Compressed:
    """Return at most about `budget` characters of the text.

    Short texts are kept whole. Longer ones: runs of lines that differ only in times, ids and
    numbers are folded to the first with a count; then ordinary lines are dropped, oldest first;
    then the middle of what remains.
    """
    lines = text.rstrip("\n").split("\n")
    if len(text) <= budget and len(lines) <= LOG_FROM_LINES:
        return Compressed(text=text.rstrip("\n"), dropped=0)
    folded = list(_folded(lines)) if len(text) > budget or _repeats(lines) else lines
    kept = _within(folded, budget)
    shown = "\n".join(kept)
    return Compressed(text=shown, dropped=max(0, len(lines) - len(kept)))


def _repeats(lines: list[str]) -> bool:
    shapes = {VARIES.sub("#", line) for line in lines}
    return len(shapes) * 2 < len(lines)


def _folded(lines: Iterable[str]) -> Iterable[str]:
    seen: dict[str, int] = {}
    first: dict[str, str] = {}
    order: list[str] = []
    for line in lines:
        shape = VARIES.sub("#", line)
        if shape not in seen:
            order.append(shape)
            first[shape] = line
        seen[shape] = seen.get(shape, 0) + 1
    for shape in order:
        count = seen[shape]
        yield first[shape] if count == 1 else f"{first[shape]} [x{count}]"


def _within(lines: list[str], budget: int) -> list[str]:
    size = sum(len(line) + 1 for line in lines)
    if size <= budget:
        return lines
    kept: list[str | None] = list(lines)
    ordinary = [n for n, line in enumerate(lines) if n > 0 and not NOTABLE.search(line)]
    for number in ordinary:
        if size <= budget:
            break
        size -= len(lines[number]) + 1
        kept[number] = None
    left = [line for line in kept if line is not None]
    while size > budget and len(left) > 2:  # noqa: PLR2004 - the head and the tail stay
        size -= len(left.pop(len(left) // 2)) + 1
    return [line[:budget] for line in left]
