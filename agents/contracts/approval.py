"""Approval: what is asked, what is signed, and the order that results.

Invariant: an order carries the decisions that justify it; the Executor verifies them again.
The signed bytes are specified in `agents/approval/canonical.py`.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import ConfigDict, Field

from agents.contracts.action import Action, Preview, Touched
from agents.contracts.ids import ApprovalId, IncidentId, PlanId
from agents.contracts.model_base import Fact, Order


class DecisionVerdict(StrEnum):
    """What an approver says; silence is never approval."""

    APPROVE = "approve"
    REFUSE = "refuse"


class Risk(StrEnum):
    """How much an action can break, by the policy's own rules."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class RefusedBy(StrEnum):
    """Who refused an action."""

    POLICY = "policy"
    PREVIEW = "preview"
    PERSON = "person"
    EXPIRY = "expiry"


class PreviewRequested(Fact):
    """A dry run is wanted."""

    incident_id: IncidentId
    plan_id: PlanId
    approval_id: ApprovalId
    action: Action


class PreviewCompleted(Fact):
    """A dry run was made; exactly one of `preview` and `error` is set."""

    incident_id: IncidentId
    plan_id: PlanId
    approval_id: ApprovalId
    preview: Preview | None = None
    error: str | None = None


class ApprovalRequested(Fact):
    """Everything that an approver needs in order to decide."""

    approval_id: ApprovalId
    incident_id: IncidentId
    plan_id: PlanId
    action: Action
    action_hash: str
    order_hash: str | None = Field(
        default=None, description="of all that the order will act by; see docs/approvals.md"
    )
    words: str = Field(description="the action in one sentence")
    line: str = Field(description="the action as a kubectl line")
    preview: Preview
    risk: Risk
    evidence: str = Field(description="the Observer's own summary: a claim, not a fact")
    confidence: int
    proposer: str
    severity: str
    incident_namespace: str | None = None
    cluster: str
    policy_version: str
    approvers_needed: int = Field(default=1, ge=1)
    reason: str | None = Field(default=None, description="the @id of the policy that asks")
    reason_message: str | None = Field(default=None, description="the reason in words; not signed")
    requested_at: datetime
    expires: datetime


class BoundOrder(Order):
    """Everything that the Executor acts by beside the payload; its hash is the order's hash."""

    action: Action
    touched: tuple[Touched, ...]
    rollback: Action | None
    pods_affected: int = Field(ge=0)
    incident_namespace: str | None
    severity: str
    confidence: int


class DecisionPayload(Order):
    """What is signed.

    order_hash: the hash of a `BoundOrder`. It is left out where it is null: such a decision binds
    the action alone, so it may refuse but approves nothing.
    """

    approval_id: ApprovalId
    incident_id: IncidentId
    action_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    order_hash: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    verdict: DecisionVerdict
    approver: str = Field(min_length=1, max_length=256)
    not_before: datetime
    expires: datetime
    cluster: str
    policy_version: str


class ActionDecided(Fact):
    """A decision with its detached Ed25519 signature (base64) over the canonical payload."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payload: DecisionPayload
    signature: str = Field(min_length=88, max_length=88)
    comment: str = Field(default="", max_length=2000, description="not signed, not trusted")


class DecisionVerified(Fact):
    """A decision whose signature, key and form the verifier accepted."""

    incident_id: IncidentId
    decision: ActionDecided


class ActionApproved(Fact):
    """The signed order. `decisions` are one or more approvals, or one by the gate's own key."""

    approval_id: ApprovalId
    incident_id: IncidentId
    plan_id: PlanId
    iteration: int
    action: Action
    action_hash: str
    line: str
    touched: tuple[Touched, ...]
    rollback: Action | None
    pods_affected: int = Field(ge=0)
    incident_namespace: str | None
    severity: str
    confidence: int
    decisions: tuple[ActionDecided, ...] = Field(min_length=1)
    cluster: str
    policy_version: str
    expires: datetime


class ActionRefused(Fact):
    """No order will come for this plan, and why."""

    approval_id: ApprovalId
    incident_id: IncidentId
    plan_id: PlanId
    iteration: int
    line: str
    refused_by: RefusedBy
    reason: str
    message: str
    approver: str | None = None
