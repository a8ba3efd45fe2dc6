"""Searches every byte that a run left for planted values: records of all topics, and files.

Invariant: a record is searched as it lies on the broker (key, value, headers), committed or not; a
stored value is searched unpacked. Nothing is kept of what is read but where a value was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.embedded.stack import Stack
from tests.flow.remains import records, written

HIDDEN = b"[redacted:known secret]"
"""What stands in a planted value's place: its number says that the plants were reached."""


@dataclass(slots=True)
class Searched:
    """How much was searched, where a value was found, and how often one was hidden."""

    places: int = 0
    size: int = 0
    hidden: int = 0
    leaks: list[str] = field(default_factory=list)

    def look(self, where: str, content: bytes, needles: Mapping[str, bytes]) -> None:
        """Search one place."""
        self.places += 1
        self.size += len(content)
        self.hidden += content.count(HIDDEN)
        found = [spelling for spelling, needle in needles.items() if needle in content]
        self.leaks += [f"{where} ({spelling})" for spelling in found]


async def found_in_topics(stack: Stack, needles: Mapping[str, bytes]) -> Searched:
    """Search every record of every topic."""
    searched = Searched()
    async for place, content in records(stack):
        searched.look(f"{place.topic}/{place.partition}", content, needles)
    return searched


def found_in_files(state: Path, needles: Mapping[str, bytes]) -> Searched:
    """Search every file of the state folder but the broker's own."""
    searched = Searched()
    for name, content in written(state):
        searched.look(name, content, needles)
    return searched
