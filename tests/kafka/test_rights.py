"""Who may write is the broker's answer: a stolen credential writes nothing but its own topics."""

from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError

from agents.roles import Role
from streams import login
from streams.topic import Outsider, Topic, User
from streams.topics import ACTIONS_APPROVED, PLANS

if TYPE_CHECKING:
    from conftest import Space

pytestmark = pytest.mark.kafka


async def produce(space: "Space", user: User, topic: Topic) -> None:
    settings = space.login(str(user))
    async with AIOKafkaProducer(**login.aiokafka(settings)) as producer:
        await producer.send_and_wait(settings.topic(topic.name), b"{}", key=b"incident")


async def stored(space: "Space", topic: Topic) -> int:
    """Return how many records all partitions of a topic hold."""
    settings = space.login()
    places = [TopicPartition(settings.topic(topic.name), n) for n in range(topic.partitions)]
    async with AIOKafkaConsumer(**login.aiokafka(settings), group_id=None) as consumer:
        return sum((await consumer.end_offsets(places)).values())


@pytest.mark.parametrize(
    ("thief", "topic", "owner"),
    [
        (Role.PROBE, ACTIONS_APPROVED, Role.GATE),
        (Outsider.PRODUCER, PLANS, Role.OBSERVER),
        (Outsider.APPROVER, PLANS, Role.OBSERVER),
    ],
    ids=lambda one: one.name if isinstance(one, Topic) else str(one),
)
async def test_only_its_writers_write_to_a_topic(
    space: "Space", thief: User, topic: Topic, owner: User
) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await produce(space, thief, topic)
    assert await stored(space, topic) == 0
    await produce(space, owner, topic)
    assert await stored(space, topic) == 1
