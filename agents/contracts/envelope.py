"""The carrier of one fact: CloudEvents 1.0 attributes beside a typed value.

Invariant: `time` is data (the clock of every reducer); nothing reads the wall clock to decide.
The mapping to Kafka headers lives in `streams/codec.py`.
"""

from dataclasses import dataclass
from datetime import datetime

from agents.contracts.ids import EventId, IncidentId
from agents.contracts.model_base import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact with its CloudEvents attributes.

    `key` is the partition key, `cause` the event that caused this one. `sequence` counts the
    outputs of one reducer state and `applied` lists the ids that it applied since the output
    before: together they let a replay repeat every decision. Both are empty on workers' events.
    """

    id: EventId
    source: str
    time: datetime
    key: str
    fact: Fact
    incident: IncidentId | None = None
    cause: EventId | None = None
    sequence: int | None = None
    applied: tuple[EventId, ...] = ()
    traceparent: str | None = None

    @property
    def type(self) -> str:
        """The CloudEvents type of the fact."""
        return self.fact.TYPE
