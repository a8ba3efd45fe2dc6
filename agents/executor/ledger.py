"""What the Executor needs of a ledger and of an audit trail, whatever they are made of.

Invariant: of all intents for one approval exactly one is first, for every reader alike. Its writer
has the last word on the outcome; until it has spoken, that of who gave it up (`unknown`) stands.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from agents.contracts.audit import AuditKind
from agents.contracts.execution import ActIntended, ActSettled
from agents.contracts.ids import ApprovalId, IncidentId

GIVEN_UP = ""
"""The attempt of an outcome by another than the intent's writer, who was waited for in vain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the ledger says once an intent has been written and read back.

    first: the intent is the first of its approval, so its writer may act. settled: the outcome,
    where an earlier intent already has one.
    """

    first: bool
    settled: ActSettled | None


class Ledger(Protocol):
    """The order of intents and outcomes."""

    async def find(self, approval_id: ApprovalId) -> Claim | None:
        """Return what is known of an approval, or None when no intent was ever written."""
        ...

    async def intend(self, intent: ActIntended) -> Claim:
        """Write an intent, read the ledger up to it, and say whether it is the first."""
        ...

    async def settle(self, settled: ActSettled) -> None:
        """Write the outcome of an intent."""
        ...

    def acts_since(self, when: datetime, incident_id: IncidentId | None = None) -> int:
        """Return how many first intents were written since then (of one incident, or of all)."""
        ...

    def failures(self) -> tuple[datetime, ...]:
        """Return when acts ended badly (`agents.executor.breaker.is_bad`)."""
        ...


class AuditTrail(Protocol):
    """An append-only record; when it can't be written, nothing may be done."""

    async def record(
        self, kind: AuditKind, incident_id: IncidentId, record: dict[str, JsonValue]
    ) -> None:
        """Write one link and wait for its acknowledgement; raises `Transient` without one."""
        ...
