"""Answers as a player types them after `submit`, one form a task.

    detection       Yes | No
    localization    SERVICE [SERVICE ...], or `none`
    analysis        LEVEL / TYPE, both from AIOpsLab's vocabulary, or `none`
    mitigation      nothing: the state is the answer

Invariant: what is in another form is not judged but told, so a slip of the hand ends no game.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis
from agents.environments.simulated.faults.family import FAULT_TYPES, SYSTEM_LEVELS
from agents.policy.flags import DNS_LABEL

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMS: dict[Task, str] = {
    Task.DETECTION: "submit Yes | submit No",
    Task.LOCALIZATION: "submit SERVICE [SERVICE ...] | submit none",
    Task.ANALYSIS: "submit LEVEL / TYPE | submit none",
    Task.MITIGATION: "submit",
}
NOBODY = "none"


class BadAnswer(ValueError):
    """The answer has not its task's form; the message says which it has."""


def answer_of(task: Task, text: str) -> str | tuple[str, ...] | Analysis | None:
    """Return a submission's answer; raises BadAnswer."""
    text = text.strip()
    if task is Task.DETECTION and text.lower() in {"yes", "no"}:
        return text.capitalize()
    if task is Task.LOCALIZATION and text:
        return _services(text)
    if task is Task.ANALYSIS and text.lower() == NOBODY:
        return NOBODY
    if task is Task.ANALYSIS and "/" in text:
        level, _, kind = text.partition("/")  # a type may hold a slash, no level does
        return Analysis(
            system_level=_word("LEVEL", level, SYSTEM_LEVELS),
            fault_type=_word("TYPE", kind, FAULT_TYPES),
        )
    if task is Task.MITIGATION and not text:
        return None
    raise BadAnswer(f"expected `{FORMS[task]}`, got {f'submit {text[:60]}'.strip()!r}")


def _services(text: str) -> tuple[str, ...]:
    names = re.split(r"[\s,]+", text.strip(" ,\t\n"))
    if names == [NOBODY]:
        return ()
    for name in names:
        if DNS_LABEL.fullmatch(name) is None:
            raise BadAnswer(f"expected names of services, got {name[:60]!r}")
    return tuple(names)


def _word(what: str, given: str, known: Sequence[str]) -> str:
    """Return the vocabulary's spelling of a word; its case does not matter."""
    words = {word.lower(): word for word in known}
    asked = " ".join(given.lower().split())
    if asked in words:
        return words[asked]
    near = difflib.get_close_matches(asked, words, n=1)
    told = f"; near: {words[near[0]]}" if near else ""
    raise BadAnswer(f"expected {what} of {', '.join(known)}, got {given.strip()[:60]!r}{told}")
