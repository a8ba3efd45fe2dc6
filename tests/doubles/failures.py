"""Failed trajectories on the failure topic, as the Closer would write them."""

from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId
from agents.contracts.incident import Task
from agents.contracts.trajectory import Outcome, OutcomeSource, TrajectoryClosed
from streams import login
from streams.topics import TRAJECTORIES_FAILED
from streams.wire import outgoing
from tests.conftest import Space

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def failed(number: int, *, revision: int = 0) -> Event:
    """Return the event of the failure `incident-<number>/<revision>`."""
    fact = TrajectoryClosed(
        incident_id=IncidentId(f"incident-{number}"),
        revision=revision,
        task=Task.DETECTION,
        title="errors",
        namespace="shop",
        steps=(),
        submission=None,
        model_id=None,
        guidance_ids=(),
        outcome=Outcome.FAILURE,
        source=OutcomeSource.JUDGE,
        reason="wrong",
        trainable=False,
        opened_at=NOW,
        closed_at=NOW,
    )
    return Event(
        id=EventId(f"closed-{number}-{revision}"),
        source="aoi/closer",
        time=NOW,
        key=fact.incident_id,
        fact=fact,
        incident=fact.incident_id,
    )


async def written(space: Space, *events: Event, junk: int = 0) -> None:
    """Write events in one transaction, and records that are none (one a partition)."""
    settings = space.login("closer")
    producer = AIOKafkaProducer(
        **login.aiokafka(settings), acks="all", transactional_id=f"{settings.group('closer')}-0"
    )
    await producer.start()
    try:
        async with producer.transaction():
            for event in events:
                for out in outgoing(event):
                    if out.topic == TRAJECTORIES_FAILED.name:
                        await producer.send(
                            settings.topic(out.topic),
                            key=out.record.key,
                            value=out.record.value,
                            headers=list(out.record.headers),
                            partition=out.partition,
                        )
            for number in range(junk):
                await producer.send(
                    settings.topic(TRAJECTORIES_FAILED.name), value=b"junk", partition=number
                )
    finally:
        await producer.stop()
