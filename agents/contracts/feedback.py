"""What outsiders say of an outcome, and what operators order; both are signed."""

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, ConfigDict, Field

from agents.contracts.ids import IncidentId, PlanId
from agents.contracts.model_base import Fact, Order


class Judgement(StrEnum):
    """Right or wrong."""

    SUCCESS = "success"
    FAILURE = "failure"


class JudgementPayload(Order):
    """What a judge signs."""

    incident_id: IncidentId
    plan_id: PlanId | None
    judgement: Judgement
    judge: str = Field(min_length=1, max_length=256)
    judged_at: datetime
    reason: str = Field(default="", max_length=2000)


class OutcomeJudged(Fact):
    """A judgement with its Ed25519 signature (base64) over the canonical payload."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payload: JudgementPayload
    signature: str = Field(min_length=88, max_length=88)


class JudgementVerified(Fact):
    """A judgement whose signature and key the verifier accepted."""

    incident_id: IncidentId
    judgement: OutcomeJudged


class ControlKind(StrEnum):
    """What an operator can order."""

    PAUSE_EXECUTOR = "pause_executor"
    RESUME_EXECUTOR = "resume_executor"


class ControlPayload(Order):
    """What an operator signs. `subject` is empty: pause and resume are about the one executor.

    cluster: which AOI is meant. It is left out where it is null: such a control may pause, but
    resumes nothing.
    """

    kind: ControlKind
    subject: str = ""
    operator: str = Field(min_length=1, max_length=256)
    issued_at: AwareDatetime
    expires: AwareDatetime | None = None
    reason: str = Field(default="", max_length=2000)
    cluster: str | None = Field(default=None, max_length=256)


class ControlIssued(Fact):
    """An operator's order with its signature."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payload: ControlPayload
    signature: str = Field(min_length=88, max_length=88)
