"""The act that may undo another: the one that the dry run derived, unless policy denies it.

Invariant: gate and Executor rule on it by the same function, each with circumstances of its own; an
act whose rollback is denied is carried without one, and never unasked.
"""

from dataclasses import dataclass, replace

from agents.contracts.action import Action
from agents.policy.decide import Policy, Ruling, Verdict
from agents.policy.request import Context

WITHHELD = "rollback_denied"


@dataclass(frozen=True, slots=True)
class Undo:
    """What undoes an act, if anything may, and policy's verdict on it where there is one."""

    rollback: Action | None
    verdict: Verdict | None = None

    @property
    def denied(self) -> bool:
        """Whether something would undo the act and may not be done."""
        return self.verdict is not None and self.verdict.ruling is Ruling.DENY

    @property
    def asks(self) -> Verdict | None:
        """Why a person is asked although the act itself may be done unasked, or None."""
        if self.verdict is None or self.verdict.allowed:
            return None
        if not self.denied:
            return self.verdict
        message = f"nothing undoes this act, its rollback is denied: {self.verdict.message}"
        return Verdict(Ruling.NEEDS_APPROVAL, WITHHELD, message)


def undo_of(policy: Policy, rollback: Action | None, context: Context) -> Undo:
    """Rule on a dry run's rollback; `context` is that of the act, with the dry run's facts."""
    if rollback is None:
        return Undo(None)
    shown = context.preview.undone() if context.preview else None
    verdict = policy.decide(rollback, replace(context, preview=shown))
    return Undo(None if verdict.ruling is Ruling.DENY else rollback, verdict)
