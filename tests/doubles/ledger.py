"""A ledger and an audit trail in memory, with the order that one partition would give."""

from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from agents.contracts.audit import AuditKind
from agents.contracts.execution import ActIntended, ActSettled
from agents.contracts.ids import ApprovalId, IncidentId
from agents.executor.breaker import is_bad
from agents.executor.ledger import GIVEN_UP, Claim
from agents.worker import Transient
from tests.builders import T0


@dataclass(slots=True)
class MemoryLedger:
    """Entries in the order in which they were written; shared by several executors."""

    intents: list[ActIntended] = field(default_factory=list)
    outcomes: list[ActSettled] = field(default_factory=list)
    now: datetime = T0

    async def find(self, approval_id: ApprovalId) -> Claim | None:
        if not any(intent.approval_id == approval_id for intent in self.intents):
            return None
        return Claim(first=False, settled=self._settled(approval_id))

    async def intend(self, intent: ActIntended) -> Claim:
        first = not any(one.approval_id == intent.approval_id for one in self.intents)
        self.intents.append(intent)
        return Claim(first=first, settled=self._settled(intent.approval_id))

    async def settle(self, settled: ActSettled) -> None:
        self.outcomes.append(settled)

    def acts_since(self, when: datetime, incident_id: IncidentId | None = None) -> int:
        return sum(incident_id in {None, one.incident_id} for one in self.intents)

    def failures(self) -> tuple[datetime, ...]:
        return tuple(self.now for one in self.outcomes if is_bad(one))

    def _settled(self, approval_id: ApprovalId) -> ActSettled | None:
        """Return what the intent's writer said, else what stands in for it."""
        of = [one for one in self.outcomes if one.approval_id == approval_id]
        own = [one for one in of if one.attempt != GIVEN_UP]
        return next(iter((*own, *of)), None)


@dataclass(slots=True)
class MemoryAudit:
    """Audit records; `down` makes every write fail."""

    records: list[tuple[AuditKind, dict[str, JsonValue]]] = field(default_factory=list)
    down: bool = False

    async def record(
        self, kind: AuditKind, incident_id: IncidentId, record: dict[str, JsonValue]
    ) -> None:
        if self.down:
            raise Transient(f"no acknowledgement of the audit of {incident_id}")
        self.records.append((kind, record))
