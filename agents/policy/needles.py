"""The first look at a text: whether it has a word without which no pattern can match."""

from collections.abc import Iterable


def holds_any(text: str, needles: Iterable[str]) -> bool:
    """Return whether one of the needles stands in a text."""
    for needle in needles:  # noqa: SIM110 - a generator costs more than the search in a short text
        if needle in text:
            return True
    return False
