"""The words that rules are made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from learner.pretrain.notes import Notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The root cause: which service, and what a repair needs to know."""

    service: str
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A read that the rule wants before it can tell. Not `needed`: only to be sure."""

    line: str
    service: str
    needed: bool = True


Verdict = Finding | Look | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One family.

    look: from notes to a finding, the next look, or None. prepare: what a repair still needs to
    know, or None. repairs: kubectl lines of which each alone mends it, the usual one first.
    check: the read that shows the repair.
    """

    name: str
    system_level: str
    fault_type: str
    look: Callable[[Notes], Verdict]
    repairs: Callable[[Notes, Finding, Random], tuple[str, ...]]
    prepare: Callable[[Notes, Finding], Look | None] = lambda _notes, _finding: None
    check: Callable[[Finding], str] = lambda finding: (
        f"kubectl rollout status deploy/{finding.service}"
    )


def undo(service: str) -> str:
    """Return the line that goes back one revision."""
    return f"kubectl rollout undo deploy/{service}"
