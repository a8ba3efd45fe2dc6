"""`results.jsonl`: settings in its first line, then one outcome a line, appended as they come.

Invariant: a line that was written whole is kept for ever; a torn last line (the machine died) is
cut off. Outcomes of other settings never share a file, and one evaluation writes it at a time.
"""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from learner.evaluation.benchmark.outcomes import Key, Outcome

FORMAT = 1


class OtherSettings(ValueError):
    """The folder holds an evaluation with other settings, or something else."""


class Settings(BaseModel):
    """What a result depends on.

    model: the checkpoint's id with its digest, or the endpoint. count, problems: of the set, its
    size and its digest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    version: str
    agent: str
    model: str
    tasks: str
    count: int
    problems: str
    runs: int
    seed: int


class Journal:
    """The open file; use as a context. `done` is what it already holds."""

    def __init__(self, path: Path, settings: Settings) -> None:
        """Open the file or begin it. Raises OtherSettings, which names the difference."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.done: dict[Key, Outcome] = {}
        self._file: BinaryIO = path.open("a+b")
        try:
            self._lock()
            self._read(settings)
        except BaseException:
            self._file.close()
            raise

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Append outcomes; they are on the disk afterwards."""
        for outcome in outcomes:
            self._file.write(outcome.model_dump_json(exclude_none=True).encode() + b"\n")
            self.done[outcome.key] = outcome
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OtherSettings(
                f"another evaluation writes {self.path}; wait for it, or give another --out"
            ) from None

    def _read(self, settings: Settings) -> None:
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)
        lines = content[:whole].splitlines()
        if not lines:
            header = orjson.dumps({"settings": settings.model_dump()})
            self._file.write(header + b"\n")
            self._file.flush()
            return
        self._check(lines[0], settings)
        for number, line in enumerate(lines[1:], start=2):
            try:
                outcome = Outcome.model_validate_json(line)
            except ValidationError as error:
                raise OtherSettings(
                    f"{self.path}, line {number}: {error.error_count()} faults; remove that line"
                ) from error
            self.done[outcome.key] = outcome

    def _check(self, line: bytes, settings: Settings) -> None:
        try:
            found = orjson.loads(line)["settings"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise OtherSettings(
                f"expected the settings of an evaluation in the first line of {self.path}; "
                "give another --out"
            ) from None
        wanted = settings.model_dump()
        differing = [
            f"{name} {found.get(name)!r}, now {wanted[name]!r}"
            for name in wanted
            if found.get(name) != wanted[name]
        ]
        if differing:
            raise OtherSettings(
                f"{self.path} was begun with {'; '.join(differing)}: "
                "give the same settings, or another --out"
            )
