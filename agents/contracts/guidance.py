"""Guidance: what a corrected failure teaches, without names of instances."""

from datetime import datetime

from pydantic import Field

from agents.contracts.ids import GuidanceId, IncidentId
from agents.contracts.incident import Task
from agents.contracts.model_base import Fact


class GuidancePublished(Fact):
    """At most eight templated steps for a failure signature; placeholders stand for names."""

    guidance_id: GuidanceId
    signature: str
    task: Task
    symptoms: tuple[str, ...]
    steps: tuple[str, ...] = Field(max_length=8)
    provenance: tuple[IncidentId, ...] = ()
    proved: bool
    gain: float = Field(
        default=0.0,
        ge=-1.0,
        le=1.0,
        description="share of fresh sibling incidents that it wins, less what it loses",
    )
    expires: datetime
