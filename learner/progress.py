"""How far a turn is, as one JSON line a step in a file that an onlooker reads.

Invariant: the file is replaced as a whole, so that a reader never sees half of it; a line's
step is one of a turn's, `of` is 0 where the amount of work is not known.
"""

import os
from pathlib import Path
from typing import Protocol

import orjson


class Tell(Protocol):
    """Hears where a step stands."""

    def __call__(self, step: str, told: str, *, done: int = 0, of: int = 0) -> None:
        """Take in `done` of `of` and a few words."""
        ...


class ProgressFile:
    """The latest line of each step."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[str, bytes] = {}

    def __call__(self, step: str, told: str, *, done: int = 0, of: int = 0) -> None:
        """Write a step's line."""
        line = {"step": str(step), "told": told, "done": done, "of": of}
        self._lines[str(step)] = orjson.dumps(line)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        draft.write_bytes(b"\n".join(self._lines.values()) + b"\n")
        draft.replace(self._path)

    def clear(self) -> None:
        """Forget the steps of the turn before."""
        self._lines.clear()
