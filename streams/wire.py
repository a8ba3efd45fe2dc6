"""What leaves a role: an event or a dead letter as records, each with its topic and partition.

Invariant: every record of AOI is placed here, by the registry's `route` and the one partitioner; a
role writes no topic that the registry does not give it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from agents.contracts.envelope import Event
from streams import topics
from streams.codec import Record, encode
from streams.partitioner import partition_of
from streams.topic import Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A record on its way to one partition of a topic of the registry."""

    topic: str
    partition: int
    record: Record


def outgoing(event: Event) -> tuple[Outgoing, ...]:
    """Return the records of an event, one a topic. Raises Poison when it can't be encoded."""
    record = encode(event)
    return tuple(placed(topic, record) for topic in topics.route(event.fact))


def all_outgoing(events: Iterable[Event]) -> tuple[Outgoing, ...]:
    """Return the records of several events in their order."""
    return tuple(record for event in events for record in outgoing(event))


def placed(topic: Topic, record: Record) -> Outgoing:
    """Return a record with the partition that its key has in the topic."""
    number = partition_of(record.key or b"", topic.partitions)
    return Outgoing(topic=topic.name, partition=number, record=record)
