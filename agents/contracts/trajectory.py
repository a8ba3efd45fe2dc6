"""A closed incident as the learner reads it: every step by reference, and who judged it."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from agents.contracts.execution import ActResult
from agents.contracts.ids import (
    ApprovalId,
    EventId,
    GuidanceId,
    IncidentId,
    ModelId,
    PlanId,
    SampleRef,
)
from agents.contracts.incident import Task
from agents.contracts.model_base import Fact
from agents.contracts.plan import PlanKind, Submission


class Outcome(StrEnum):
    """How an incident ended; `unknown` is never trained on."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class OutcomeSource(StrEnum):
    """Who said so, in the order of precedence in production."""

    PERSON_REFUSED = "person_refused"
    ROLLED_BACK = "rolled_back"
    ALERT_RESOLVED = "alert_resolved"
    BUDGET = "budget"
    JUDGE = "judge"
    NOBODY = "nobody"


class TrajectoryStep(Fact):
    """One iteration: what was decided and what came of it."""

    iteration: int
    plan_id: PlanId
    kind: PlanKind
    line: str | None
    summary: str
    confidence: int
    samples: tuple[SampleRef, ...] = Field(default=(), description="one a model call, in order")
    observation_id: EventId | None = None
    observation: str | None = Field(default=None, description="the compressed text")
    refusal: str | None = None
    approval_id: ApprovalId | None = None
    approved_by: tuple[str, ...] = ()
    result: ActResult | None = None
    rolled_back: bool = False


class TrajectoryRecord(Fact):
    """The fields that a closed and an amended trajectory share."""

    incident_id: IncidentId
    revision: int = Field(ge=0)
    task: Task
    title: str
    symptoms: tuple[str, ...] = Field(
        default=(), description="words of the alerts' texts that name a symptom, and no instance"
    )
    namespace: str | None
    steps: tuple[TrajectoryStep, ...]
    submission: Submission | None
    model_id: ModelId | None
    guidance_ids: tuple[GuidanceId, ...]
    outcome: Outcome
    source: OutcomeSource
    reason: str
    judge: str | None = None
    trainable: bool = Field(description="every model call has a sample")
    prompt_tokens: int = 0
    completion_tokens: int = 0
    opened_at: datetime
    closed_at: datetime


class TrajectoryClosed(TrajectoryRecord):
    """The incident ended."""


class TrajectoryAmended(TrajectoryRecord):
    """A judgement that came later changed the outcome."""
