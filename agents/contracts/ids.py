"""Identifiers, and the one way in which deterministic ones are made.

Invariant: the same parts give the same id on every machine, so a repeated effect repeats its id.
"""

from typing import NewType
from uuid import UUID, uuid5

EventId = NewType("EventId", str)
IncidentId = NewType("IncidentId", str)
PlanId = NewType("PlanId", str)
ApprovalId = NewType("ApprovalId", str)
ModelId = NewType("ModelId", str)
GuidanceId = NewType("GuidanceId", str)
SampleRef = NewType("SampleRef", str)

AOI_NAMESPACE = UUID("6f3c2f0e-6a51-5d0b-9d5e-2f6d3b1c8a47")
SEPARATOR = "\x1f"


def derive(*parts: str | int) -> str:
    """Return the uuid5 (RFC 9562, 5.5) of the parts joined by U+001F."""
    return str(uuid5(AOI_NAMESPACE, SEPARATOR.join(str(part) for part in parts)))


def event_id(key: str, kind: str, *parts: str | int) -> EventId:
    """Return the id of the fact `kind` of `key` that `parts` tell apart from its siblings."""
    return EventId(derive("event", key, kind, *parts))
