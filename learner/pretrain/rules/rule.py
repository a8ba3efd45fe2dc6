"""The words that rules are made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from agents.memory import LastStep
from learner.pretrain.notes import Notes
from learner.pretrain.sight import PodRow


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
    check: the read that shows the repair. read: notes in `Notes.own` what only this rule reads in
    a step and returns the line that keeps it, or None. cautious: its looks come before what other
    rules find. review: it is for reviews that somebody asked for, where no alert fires, and for
    nothing else. together: its repairs are one, all of them are needed. rank: what comes first
    among the rules of reviews.
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
    read: Callable[[Notes, LastStep], str | None] = lambda _notes, _last: None
    cautious: bool = False
    review: bool = False
    together: bool = False
    rank: int = 0


def pod_look(service: str, row: PodRow) -> Look:
    """Return the look at a pod by its whole name: of a beginning, newer kubectl tells no events."""
    return Look(line=f"kubectl describe pod {row.pod}", service=service, needed=False)


def undo(service: str) -> str:
    """Return the line that goes back one revision."""
    return f"kubectl rollout undo deploy/{service}"
