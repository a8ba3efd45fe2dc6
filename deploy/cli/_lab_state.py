"""A lab that lives between commands: the lines that were typed, played again.

    {"reference": "seed-7", "format": 1}
    {"line": "kubectl get pods", "digest": "9f2c..."}

Invariant: the file holds no state but what was typed, since the same lines in the same lab give
the same outputs; `digest` proves that they did. The file is replaced as a whole under a lock of
its folder, so a crash leaves the lines of before and two commands at once come one after the other.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.lab import Lab
from agents.environments.simulated.player import Player, Turn
from agents.environments.simulated.references import Reference, scenario_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT = 1


class LogUnusable(Exception):
    """The file is no log of this incident, or this version plays it otherwise."""


class Session:
    """A player whose lines are kept."""

    def __init__(self, reference: Reference) -> None:
        self.player = Player(Lab(scenario_of(reference)))
        self.log: list[dict[str, str]] = []

    def line(self, text: str) -> Turn:
        """Play a line and keep it."""
        turn = self.player.line(text)
        if text.strip():
            self.log.append({"line": text, "digest": _digest(turn)})
        return turn


@contextmanager
def continued(reference: Reference, file: Path | None) -> Iterator[Session]:
    """Give the lab as the file left it, and keep what is typed; without a file, a fresh lab.

    Raises LogUnusable. Nothing is written when the work within raises.
    """
    if file is None:
        yield Session(reference)
        return
    with _locked(file.absolute().parent):
        session = Session(reference)
        if file.exists():
            _replay(session, reference, file)
        known = len(session.log)
        yield session
        if len(session.log) > known or not file.exists():
            _write(session, reference, file)


def _replay(session: Session, reference: Reference, file: Path) -> None:
    remedy = "delete it, or name another file with --state"
    try:
        head, *entries = [orjson.loads(line) for line in file.read_bytes().splitlines()]
        held, version = head["reference"], head["format"]
        lines = [(str(entry["line"]), str(entry["digest"])) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise LogUnusable(
            f"{file}: expected a log of `aoi lab exec --state`, got {error!r}: {remedy}"
        ) from None
    if version != FORMAT:
        raise LogUnusable(f"{file}: expected format {FORMAT}, got {version!r}: {remedy}")
    if held != str(reference):
        raise LogUnusable(f"{file}: expected the log of {reference}, got that of {held}: {remedy}")
    for number, (line, digest) in enumerate(lines, 2):
        if _digest(session.line(line)) != digest:
            raise LogUnusable(
                f"{file}:{number}: {line[:60]!r} gives another output than before: "
                f"the file is another version's; {remedy}"
            )


def _write(session: Session, reference: Reference, file: Path) -> None:
    head: dict[str, object] = {"reference": str(reference), "format": FORMAT}
    text = b"".join(orjson.dumps(entry) + b"\n" for entry in (head, *session.log))
    fresh = file.with_name(f".{file.name}.new")  # the folder's lock makes it this process's own
    with fresh.open("wb") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)


def _digest(turn: Turn) -> str:
    told = f"{turn.exit_code}\n{turn.text}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
