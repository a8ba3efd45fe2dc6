"""Compressed evidence: the only text from a cluster that the Observer ever sees."""

from pydantic import Field

from agents.contracts.ids import IncidentId, PlanId
from agents.contracts.model_base import Fact
from agents.contracts.telemetry import TelemetryKind


class ObservationRecorded(Fact):
    """The compressed, redacted result of one step.

    text: at most the compressor's budget of characters. lines_dropped: how many lines the rules
    removed or folded, so that the reader knows that there was more.
    """

    incident_id: IncidentId
    plan_id: PlanId
    iteration: int
    kind: TelemetryKind
    line: str
    exit_code: int
    refusal: str | None = None
    text: str
    lines_dropped: int = Field(default=0, ge=0)
