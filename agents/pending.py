"""The one action of an incident that is under way at the gate, and what it would be ordered as."""

from datetime import datetime
from enum import StrEnum

from agents.approval.binding import order_hash
from agents.contracts.action import Action, Preview
from agents.contracts.approval import ActionDecided, BoundOrder
from agents.contracts.audit import AuditRecorded
from agents.contracts.ids import ApprovalId
from agents.contracts.model_base import Fact
from agents.contracts.plan import PlanProposed
from agents.reducer import ReducerState


class Stage(StrEnum):
    """What a pending action waits for."""

    PREVIEWING = "previewing"
    ASKED = "asked"


class Pending(Fact):
    """The one action of an incident that is under way."""

    stage: Stage
    approval_id: ApprovalId
    plan: PlanProposed
    policy_version: str = ""
    action: Action
    preview: Preview | None = None
    decisions: tuple[ActionDecided, ...] = ()
    approvers_needed: int = 1
    expires: datetime

    def waits(self, approval_id: ApprovalId, stage: Stage) -> bool:
        """Return whether it is this action that waits for this."""
        return self.approval_id == approval_id and self.stage is stage

    def bound_hash(self) -> str:
        """Return the hash of the order that it would become."""
        preview, plan = self.preview, self.plan
        assert preview is not None  # noqa: S101 - nothing is asked or ordered before the dry run
        return order_hash(
            BoundOrder(
                action=self.action,
                touched=preview.touched,
                rollback=preview.rollback,
                pods_affected=preview.pods_affected,
                incident_namespace=plan.namespace,
                severity=plan.severity,
                confidence=plan.confidence,
            )
        )


class GateState(ReducerState):
    """One incident at the gate. `plans` are the ids that were already judged."""

    pending: Pending | None = None
    plans: tuple[str, ...] = ()
    orders: int = 0
    chain: AuditRecorded | None = None
