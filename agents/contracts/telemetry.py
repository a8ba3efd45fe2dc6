"""What came back from the environment: redacted text, its exit code and how it was asked."""

from enum import StrEnum

from pydantic import Field

from agents.contracts.command import Command
from agents.contracts.ids import IncidentId, PlanId, SampleRef
from agents.contracts.model_base import Fact


class TelemetryKind(StrEnum):
    """Which role produced the text."""

    READ = "read"
    ACT = "act"


class TelemetryCollected(Fact):
    """The redacted output of one step; `refusal` is the reason code when nothing ran.

    output: at most 64 KiB here; a larger one is stored and referred to by `output_ref`.
    """

    incident_id: IncidentId
    plan_id: PlanId
    iteration: int
    kind: TelemetryKind
    line: str
    command: Command | None = None
    refusal: str | None = None
    exit_code: int
    output: str = ""
    output_ref: SampleRef | None = None
    redactions: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.0, ge=0)
