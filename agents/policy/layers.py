"""Text within text: behind the prefixes of a log, in the columns of a diff, escaped in a string.

    quoted strings of any depth -> lines of a log, by pod -> old and new lines of a diff -> hide

Invariant: what is found on several lines is found there, too. What stands around them is taken off
and put back; text in which nothing is hidden comes back byte for byte. Time is linear.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

Hide = Callable[[str], tuple[str, int]]
"""Returns a text of as many lines without its secrets, and how many there were."""

# `kubectl logs --prefix --timestamps`
_PREFIX = re.compile(
    r"(?P<pod>\[pod/[^\s\]]{1,400}\](?: |\r?\Z))?"
    r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:\d\d)(?: |\r?\Z))?"
)
_COLUMNS = frozenset(" +-")
_HEAD = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")
_DEPTHS = (8, 4, 2, 1)
"""How many backslashes spell a line's end in a string, in one within a string, and so on."""


def hide(text: str, plain: Hide) -> tuple[str, int]:
    """Return the text without what `plain` finds in it, in its layers and amid them."""
    within = partial(_logged, hide=partial(_compared, hide=plain))
    count = 0
    for slashes in _DEPTHS:
        if "\\" * slashes + "n" not in text:
            continue
        for quotes in ("\"'", '"'):  # an apostrophe ends no string of JSON
            if quotes[-1] in text:
                text, found = _escaped(text, slashes, quotes, within)
                count += found
    text, found = within(text)
    return text, count + found


def _escaped(text: str, slashes: int, quotes: str, hide: Hide) -> tuple[str, int]:
    """Hide in the strings of one depth, whose ends of lines have so many backslashes."""
    quoted = re.compile(rf"((?<!\\)\\{{0,{slashes - 1}}}[{quotes}]|\n)")
    ended = re.compile(rf"(?<!\\)((?:\\{{{slashes}}}r)?\\{{{slashes}}}n)")
    count, strings = 0, quoted.split(text)
    for place in range(0, len(strings), 2):
        lines = ended.split(strings[place])
        if len(lines) == 1:
            continue
        told = [_unescaped(line, slashes) for line in lines[::2]]
        hidden, found = hide("\n".join(told))
        if found:
            count += found
            for at, (raw, shown) in enumerate(zip(told, hidden.split("\n"), strict=True)):
                if raw != shown:
                    lines[2 * at] = _escape(shown, slashes)
            strings[place] = "".join(lines)
    return "".join(strings), count


def _unescaped(line: str, slashes: int) -> str:
    """Return a line of a string with its quotes and tabs as they are, other escapes as spelled."""
    line = re.sub(rf"(?<!\\)\\{{{2 * slashes - 1}}}\"", '"', line)
    return re.sub(rf"(?<!\\)\\{{{slashes}}}t", "\t", line)


def _escape(line: str, slashes: int) -> str:
    """Return what `_unescaped` was made of."""
    line = line.replace("\t", "\\" * slashes + "t")
    return re.sub(r"(?<!\\)\"", lambda _: "\\" * (2 * slashes - 1) + '"', line)


def _logged(text: str, hide: Hide) -> tuple[str, int]:
    """Hide in each pod's lines without their prefixes, then in the whole."""
    lines, count = text.split("\n"), 0
    pods: dict[str, dict[int, int]] = {}
    for at, line in enumerate(lines):
        if found := _PREFIX.match(line):
            pods.setdefault(found["pod"] or "", {})[at] = found.end()
    if "\r" in text or any(size for marks in pods.values() for size in marks.values()):
        for marks in pods.values():
            count += _behind(lines, marks, hide)
    shown, found_too = hide("\n".join(lines))
    return shown, count + found_too


def _compared(text: str, hide: Hide) -> tuple[str, int]:
    """Hide in the old lines of each part of a diff, in the new ones, then in the whole.

    There a column counts as a blank, if a head says that it is one: it begins no item, no option.
    """
    lines, count = text.split("\n"), 0
    columns: dict[int, str] = {}
    for part in _parts(lines):
        if part.start and _HEAD.match(lines[part.start - 1]):
            columns |= {at: lines[at][0] for at in part if lines[at]}
        for other in "+-":
            if marks := {at: len(lines[at][:1]) for at in part if lines[at][:1] != other}:
                count += _behind(lines, marks, hide)
    for at in columns:
        lines[at] = " " + lines[at][1:]
    hidden, found = hide("\n".join(lines))
    lines = hidden.split("\n")
    for at, column in columns.items():
        lines[at] = column + lines[at][1:]
    return "\n".join(lines), count + found


def _parts(lines: list[str]) -> Iterator[range]:
    """Yield where the parts of diffs are: below their head, or without one where lines are new."""
    begin, new = 0, False
    for at, line in enumerate([*lines, "@"]):
        if not line or line[0] in _COLUMNS:
            new = new or line[:1] == "+"
            continue
        if begin < at and (new or (begin and _HEAD.match(lines[begin - 1]))):
            yield range(begin, at)
        begin, new = at + 1, False


def _behind(lines: list[str], marks: Mapping[int, int], hide: Hide) -> int:
    """Hide in lines without what they begin with; return how much was hidden.

    marks: how many characters that is, by the line's place.
    """
    bare = {at: lines[at][size:].removesuffix("\r") for at, size in marks.items()}
    hidden, count = hide("\n".join(bare.values()))
    if count:
        for (at, line), shown in zip(bare.items(), hidden.split("\n"), strict=True):
            size = marks[at]
            lines[at] = lines[at][:size] + shown + lines[at][size + len(line) :]
    return count
