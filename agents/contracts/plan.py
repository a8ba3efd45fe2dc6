"""One step that the Observer decided on, and the submission that ends an incident."""

from enum import StrEnum

from pydantic import Field

from agents.contracts.ids import EventId, GuidanceId, IncidentId, ModelId, PlanId, SampleRef
from agents.contracts.incident import Task
from agents.contracts.model_base import Fact, Order


class PlanKind(StrEnum):
    """What a step is."""

    PROBE = "probe"
    ACTION = "action"
    SUBMIT = "submit"


class SubmitReason(StrEnum):
    """Why the Observer stopped."""

    ANSWERED = "answered"
    STEPS_SPENT = "steps_spent"
    TIME_SPENT = "time_spent"
    MODEL_UNAVAILABLE = "model_unavailable"
    CLOSED_BY_HAND = "closed_by_hand"


class Analysis(Order):
    """An answer to an analysis task, in AIOpsLab's vocabulary."""

    system_level: str
    fault_type: str


class Submission(Fact):
    """The answer: `Yes`/`No`, services, an analysis, or None for mitigation or no answer."""

    task: Task
    reason: SubmitReason
    answer: str | tuple[str, ...] | Analysis | None = None
    requires: tuple[EventId, ...] = Field(
        default=(), description="ids of the facts that the trajectory must contain"
    )


class PlanProposed(Fact):
    """One step: a read to run, an act to ask for, or the submission."""

    incident_id: IncidentId
    plan_id: PlanId
    iteration: int = Field(ge=1)
    kind: PlanKind
    namespace: str | None = None
    severity: str = ""
    line: str | None = Field(default=None, description="the kubectl-like line, unparsed")
    summary: str = ""
    target: str = ""
    check: str = ""
    confidence: int = Field(default=0, ge=0, le=100)
    model_id: ModelId
    guidance_ids: tuple[GuidanceId, ...] = ()
    sample: SampleRef | None = None
    submission: Submission | None = None
