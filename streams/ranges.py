"""Sets of numbers as short text: `3-5,9`.

Invariant: `parse(told(numbers))` is the set again; text of another form is an empty set.
"""

import re
from collections.abc import Iterable

_RANGE = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?")
MAX_SPAN = 10_000_000


def told(numbers: Iterable[int]) -> str:
    """Return the numbers as ranges in ascending order."""
    spans: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if spans and spans[-1][1] == number - 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in spans)


def parse(text: str) -> frozenset[int]:
    """Return the numbers of a text written by `told`."""
    numbers: set[int] = set()
    for part in text.split(",") if text else ():
        matched = _RANGE.fullmatch(part)
        if matched is None:
            return frozenset()
        low = int(matched[1])
        high = int(matched[2] or low)
        if not 0 <= high - low < MAX_SPAN:
            return frozenset()
        numbers.update(range(low, high + 1))
    return frozenset(numbers)
