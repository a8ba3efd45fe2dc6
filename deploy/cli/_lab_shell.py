"""A person or a pipe at a lab: lines in, outputs out, until a verdict, `quit` or the end of input.

Invariant: what a line does is `Player.line`'s alone; this module reads lines (a here-document is
read to its end), shows the virtual clock, and says why it stopped.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from agents.environments.simulated.oracle import Verdict
    from agents.environments.simulated.player import Player

Read = Callable[[str], str]
"""Given a prompt: the next line; raises EOFError and KeyboardInterrupt as `input` does."""

MORE = "> "
LEAVING = frozenset({"quit", "exit"})
_DOCUMENT = re.compile(r"""<<[ \t]*(['"]?)([A-Za-z_][A-Za-z0-9_]*)\1""")
_HISTORY = 1000


def play(player: Player, read: Read) -> Verdict | None:
    """Play until it ends and return the verdict, None where no answer was given."""
    while player.verdict is None:
        lab = player.lab
        try:
            line = whole(read, f"{lab.clock:%H:%M:%S} {lab.namespace}$ ")
        except KeyboardInterrupt:
            typer.echo("^C")
            continue
        except EOFError:
            return None
        if line.strip() in LEAVING:
            return None
        show(player.line(line).text)
    return player.verdict


def whole(read: Read, prompt: str = "") -> str:
    """Return the next line, with its here-document when it has one."""
    lines = [read(prompt)]
    if found := _DOCUMENT.search(lines[0]):
        while lines[-1] != found[2]:
            try:
                lines.append(read(MORE))
            except EOFError:
                break  # policy says what is missing
    return "\n".join(lines)


def show(text: str) -> None:
    """Print an output as it is, on lines of its own."""
    if text:
        typer.echo(text, nl=not text.endswith("\n"))


def show_apart(text: str, *, failed: bool) -> None:
    """Print an output as kubectl does: what failed, and warnings, to stderr."""
    if failed:
        typer.echo(text, nl=not text.endswith("\n"), err=True)
        return
    lines = text.splitlines(keepends=True)
    warnings = [line for line in lines if line.startswith("Warning: ")]
    typer.echo("".join(warnings), nl=False, err=True)
    show("".join(line for line in lines if not line.startswith("Warning: ")))


def piped() -> Read:
    """Return the reader of a pipe: no prompt, no history."""

    def read(_prompt: str) -> str:
        line = sys.stdin.buffer.readline()
        if not line:
            raise EOFError
        return line.decode("utf-8", "replace").rstrip("\r\n")

    return read


def lines_of(read: Read) -> Iterator[str]:
    """Yield every line until the end of input."""
    while True:
        try:
            yield whole(read)
        except EOFError:
            return


def terminal(history: Path) -> Read:
    """Return the reader of a terminal: line editing, and a history that the file keeps."""
    import readline  # noqa: PLC0415 - changes how `input` behaves

    readline.set_history_length(_HISTORY)
    if history.exists():
        readline.read_history_file(history)

    def read(prompt: str) -> str:
        line = input(prompt)
        history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        readline.write_history_file(history)
        return line

    return read
