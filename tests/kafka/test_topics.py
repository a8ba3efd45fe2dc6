"""Topics and rights on a real broker: applied once, then equal; drift is mended; others stay."""

from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import TransactionalIdAuthorizationFailed

from streams import admin, cluster, login
from streams.admin import Diff, TopicShrinks
from streams.rights import Operation, Pattern, Resource, Right
from streams.topics import ALERTS_GROUPED, CONTROLS, INCIDENTS, TOPICS

if TYPE_CHECKING:
    from conftest import Space

pytestmark = pytest.mark.kafka


def test_applying_twice_changes_nothing(space: "Space") -> None:
    done = cluster.apply(space.login())
    assert done.empty


def test_drift_is_mended(space: "Space") -> None:
    settings = space.login()
    kafka = cluster.client(settings)
    name = settings.topic(CONTROLS.name)
    stale = Right(
        user="probe",
        resource=Resource.TOPIC,
        pattern=Pattern.LITERAL,
        name=name,
        operation=Operation.WRITE,
    )
    cluster.mend(kafka, Diff(grant=(stale,), alter={name: {"cleanup.policy": "compact"}}))
    done = cluster.apply(settings)
    assert done.revoke == (stale,)
    assert done.alter == {name: {"cleanup.policy": "delete"}}
    assert cluster.compare(kafka, settings).empty


def test_partitions_grow_and_never_shrink(space: "Space") -> None:
    settings = space.login()
    kafka = cluster.client(settings)
    name = settings.topic(CONTROLS.name)
    cluster.mend(kafka, Diff(grow={name: 3}))
    assert len(kafka.list_topics(timeout=10).topics[name].partitions) == 3
    with pytest.raises(TopicShrinks, match=name):
        cluster.apply(settings)


async def test_a_reducer_commits_a_transaction_under_its_own_name_only(space: "Space") -> None:
    settings = space.login("correlator")
    topic = settings.topic(INCIDENTS.name)
    own = AIOKafkaProducer(
        **login.aiokafka(settings), transactional_id=settings.transactional_id("correlator", 0)
    )
    async with own, own.transaction():
        await own.send_and_wait(topic, b"{}", key=b"incident")
    stolen = AIOKafkaProducer(
        **login.aiokafka(settings), transactional_id=settings.transactional_id("closer", 0)
    )
    with pytest.raises(TransactionalIdAuthorizationFailed):
        await stolen.start()
    await stolen.stop()


async def test_a_role_reads_its_input_in_its_group(space: "Space") -> None:
    intake, correlator = space.login("intake"), space.login("correlator")
    topic = correlator.topic(ALERTS_GROUPED.name)
    async with AIOKafkaProducer(**login.aiokafka(intake)) as producer:
        await producer.send_and_wait(topic, b"an alert")
    async with AIOKafkaConsumer(
        topic,
        **login.aiokafka(correlator),
        group_id=correlator.group("correlator"),
        auto_offset_reset="earliest",
    ) as consumer:
        record = await consumer.getone()
        assert record.value == b"an alert"
        await consumer.commit()


def test_the_broker_holds_what_the_registry_says(space: "Space") -> None:
    settings = space.login()
    found = cluster.client(settings).list_topics(timeout=10).topics
    counts = {topic.name: len(found[settings.topic(topic.name)].partitions) for topic in TOPICS}
    assert counts == {topic.name: topic.partitions for topic in TOPICS}
    assert set(admin.wanted(settings).topics) <= set(found)
