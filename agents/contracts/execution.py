"""What became of an order: the act, its verification, and the ledger's two entries."""

from enum import StrEnum

from pydantic import Field

from agents.contracts.action import Action
from agents.contracts.ids import ApprovalId, IncidentId, PlanId
from agents.contracts.model_base import Fact


class ActResult(StrEnum):
    """What the Executor can say truthfully about an act."""

    DONE = "done"
    NOT_DONE = "not_done"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Verification(Fact):
    """What reading the cluster after the act showed."""

    healthy: bool
    detail: str


class ActionExecuted(Fact):
    """The Executor's report. `reason` is a reason code, empty when done."""

    approval_id: ApprovalId
    incident_id: IncidentId
    plan_id: PlanId
    iteration: int
    action: Action
    result: ActResult
    reason: str = ""
    message: str = ""
    verification: Verification | None = None
    rolled_back: bool = False


class ActIntended(Fact):
    """Ledger: this writer is about to act; only the first intent of an approval may act."""

    approval_id: ApprovalId
    incident_id: IncidentId
    action_hash: str
    writer: str
    attempt: str = Field(description="a nonce of this intent")


class ActSettled(Fact):
    """Ledger: what became of an intent."""

    approval_id: ApprovalId
    incident_id: IncidentId
    action_hash: str
    writer: str
    attempt: str
    result: ActResult
    reason: str = ""
    rolled_back: bool = False
    executed: ActionExecuted = Field(description="the report, so that a redelivery repeats it")
