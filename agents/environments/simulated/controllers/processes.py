"""Which process a container's command starts: itself, or what a shell that it names starts.

Invariant: a pure reading of the container's `command` and `args`.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.environments.simulated.objects.kinds import Manifest

_SHELLS = ("sh", "bash", "ash", "dash")
_SCRIPT = re.compile(r"-[a-z]*c")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_PREFIXES = ("exec", "env", "nohup", "time")


def candidates(container: Manifest) -> Iterator[list[str]]:
    """Yield the command lines that the container's process may be, the likeliest first.

    The command as it stands comes first; where it is a shell with `-c`, its last command follows.
    """
    command = [str(word) for word in container.get("command") or ()]
    if not command:
        return
    words = [*command, *_given(container)]
    yield words
    script = _script(words)
    if script:
        yield script


def arguments_of(container: Manifest) -> tuple[str, ...]:
    """Return the arguments that the container's process gets."""
    command = [str(word) for word in container.get("command") or ()]
    script = _script([*command, *_given(container)]) if command else []
    return tuple(script[1:]) if script else tuple(container.get("args") or ())


def _given(container: Manifest) -> list[str]:
    return [str(word) for word in container.get("args") or ()]


def _script(words: list[str]) -> list[str]:
    """Return the last command that a shell with `-c` runs, empty where there is none."""
    if words[0].rsplit("/", 1)[-1] not in _SHELLS:
        return []
    at = next((i for i, word in enumerate(words) if i and _SCRIPT.fullmatch(word)), None)
    if at is None or at + 1 >= len(words):
        return []
    reader = shlex.shlex(words[at + 1], posix=True, punctuation_chars=";&|\n")
    reader.whitespace = " \t\r"
    reader.whitespace_split = True
    last: list[str] = []
    fresh = True
    try:
        for word in reader:
            if not word.strip(";&|\n"):
                fresh = True
                continue
            last = [word] if fresh else [*last, word]
            fresh = False
    except ValueError:  # an open quotation: the shell ends at once
        return []
    while last and (last[0] in _PREFIXES or _ASSIGNMENT.fullmatch(last[0])):
        last = last[1:]
    return last
