"""Incidents as the correlator publishes them: each fact is a full snapshot."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from agents.contracts.alert import AlertReceived
from agents.contracts.ids import IncidentId
from agents.contracts.model_base import Fact


class Task(StrEnum):
    """What is asked of AOI about an incident (AIOpsLab's four task types)."""

    DETECTION = "detection"
    LOCALIZATION = "localization"
    ANALYSIS = "analysis"
    MITIGATION = "mitigation"


class IncidentStatus(StrEnum):
    """Life of an incident: open, then closed; it never opens again."""

    OPEN = "open"
    CLOSED = "closed"


class IncidentSnapshot(Fact):
    """Everything known of an incident; the three facts below differ in what just happened."""

    incident_id: IncidentId
    group: str
    task: Task
    status: IncidentStatus
    namespace: str | None = Field(description="from the alert; never a right to act there")
    severity: str
    title: str
    alerts: tuple[AlertReceived, ...]
    opened_at: datetime
    updated_at: datetime
    resolved_upstream: bool = Field(default=False, description="every alert says resolved")
    outcome: str | None = None
    reason: str | None = None


class IncidentOpened(IncidentSnapshot):
    """A group without an open incident received a firing alert."""


class IncidentUpdated(IncidentSnapshot):
    """A later alert of the group was attached."""


class IncidentClosed(IncidentSnapshot):
    """The incident has an outcome."""
