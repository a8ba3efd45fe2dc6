"""The circuit breaker: too many bad acts within a window stop every write until someone resumes.

Invariant: it holds no state. Whether it is open follows from the ledger's bad outcomes and from the
operators' last resume, so a restart, or another Executor, finds it as it was. Time alone never
closes it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.contracts.execution import ActResult, ActSettled

DEFAULT_LIMIT = 5
DEFAULT_WINDOW = timedelta(hours=1)
UNDONE = frozenset({"worse", "rollback-denied", "rollback-failed", "rollback-unknown"})
"""Reasons of acts that were done and made things worse, whatever became of the rollback."""


def is_bad(settled: ActSettled) -> bool:
    """Return whether an outcome counts: failed, unknown, or worse than before."""
    if settled.result in {ActResult.FAILED, ActResult.UNKNOWN}:
        return True
    return settled.rolled_back or settled.reason in UNDONE


def _never() -> datetime | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """`limit` bad outcomes within `window` open it; 0 never does. resumed_at: the last resume."""

    limit: int = DEFAULT_LIMIT
    window: timedelta = DEFAULT_WINDOW
    resumed_at: Callable[[], datetime | None] = _never

    def opened_at(self, failures: Iterable[datetime]) -> datetime | None:
        """Return when the breaker opened, or None while it is closed."""
        if self.limit == 0:
            return None
        resumed = self.resumed_at()
        counted = sorted(moment for moment in failures if resumed is None or moment > resumed)
        runs = zip(counted, counted[self.limit - 1 :], strict=False)
        return next((last for first, last in runs if last - first <= self.window), None)
