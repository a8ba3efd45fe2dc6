"""Alerts as intake normalises them, whatever format they came in."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from agents.contracts.model_base import Fact

TASK_LABEL = "aoi_task"


class AlertStatus(StrEnum):
    """Whether the condition holds or has ended."""

    FIRING = "firing"
    RESOLVED = "resolved"


class AlertReceived(Fact):
    """One alert, normalised. `source_format` names the intake that read it."""

    fingerprint: str = Field(min_length=1, max_length=256)
    group: str = Field(min_length=1, max_length=1024, description="the group key")
    status: AlertStatus
    labels: dict[str, str] = Field(max_length=128)
    annotations: dict[str, str] = Field(default_factory=dict, max_length=128)
    starts_at: datetime
    ends_at: datetime | None = None
    generator_url: str | None = None
    source_format: str = "aoi"


class AlertGrouped(Fact):
    """A validated alert, re-keyed by its group."""

    group: str
    alert: AlertReceived


class GroupReleased(Fact):
    """The incident of a group has its outcome: the group may open a new one."""

    group: str
    incident_id: str
    outcome: str
    reason: str
    submitted_at: datetime | None = Field(
        default=None, description="alerts that fired later were not looked at"
    )
