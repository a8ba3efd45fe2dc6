"""The embedded broker as its users meet it: a real one, started, killed and started again."""

import asyncio
import logging
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError

from agents.contracts.alert import AlertReceived
from deploy.embedded.broker import BrokerStatus, EmbeddedBroker
from deploy.embedded.errors import BrokerNotStarted, StateUnusable
from deploy.embedded.settings import EmbeddedSettings
from deploy.embedded.users import DEFAULT_USERS
from streams import cluster, login
from streams.logging import terse
from streams.tail import Tail
from streams.topic import Topic
from streams.topics import ALERTS, LEDGER
from streams.wire import outgoing
from tests.builders import alert, event

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

AWAY_SECONDS = 5  # some fifty tries of aiokafka's own
Factory = Callable[[], AbstractContextManager[EmbeddedBroker]]


@pytest.fixture(scope="module")
def mine(make_broker: Factory) -> Iterator[EmbeddedBroker]:
    """Give a broker that these tests may stop."""
    with make_broker() as broker:
        broker.start()
        cluster.apply(broker.kafka())
        yield broker


async def produce(
    broker: EmbeddedBroker,
    user: str,
    topic: Topic,
    value: bytes,
    headers: Sequence[tuple[str, bytes]] = (),
) -> None:
    settings = broker.kafka(user)
    async with AIOKafkaProducer(**login.aiokafka(settings)) as producer:
        await producer.send_and_wait(settings.topic(topic.name), value, headers=list(headers))


async def values(broker: EmbeddedBroker, topic: Topic) -> list[bytes]:
    settings = broker.kafka()
    name = settings.topic(topic.name)
    partitions = [TopicPartition(name, number) for number in range(topic.partitions)]
    found: list[bytes] = []
    async with AIOKafkaConsumer(**login.aiokafka(settings), group_id=None) as consumer:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while len(found) < sum(ends.values()):
            batches = await consumer.getmany(timeout_ms=1000)
            found += [record.value for batch in batches.values() for record in batch]
    return found


def running(broker: EmbeddedBroker) -> BrokerStatus:
    status = broker.status()
    assert status.running
    return status


def pid(broker: EmbeddedBroker) -> int:
    number = running(broker).pid
    assert number is not None
    return number


def test_listens_on_loopback_only(mine: EmbeddedBroker) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(pid(mine)).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 2
    assert set(listening) <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_leads_a_session_of_its_own_and_hides_passwords(mine: EmbeddedBroker) -> None:
    process = psutil.Process(pid(mine))
    secret = mine.kafka().secret()
    assert os.getsid(process.pid) == process.pid
    assert secret not in " ".join(process.cmdline())
    assert secret not in mine.log.read_text()


def test_each_user_has_a_private_file_and_another_password(mine: EmbeddedBroker) -> None:
    users = [*DEFAULT_USERS, "admin"]
    modes = {stat.S_IMODE(mine.credential_file(user).stat().st_mode) for user in users}
    assert modes == {0o600}
    assert len({mine.kafka(user).secret() for user in users}) == len(users)


def test_start_is_idempotent(mine: EmbeddedBroker) -> None:
    before = running(mine)
    assert mine.start() == before


async def test_a_restart_keeps_data_port_and_passwords(mine: EmbeddedBroker) -> None:
    await produce(mine, "producer", ALERTS, b"kept over a restart")
    before = running(mine)
    assert mine.stop()
    after = mine.start()
    assert after.bootstrap == before.bootstrap
    assert after.pid != before.pid
    assert b"kept over a restart" in await values(mine, ALERTS)
    await produce(mine, "producer", ALERTS, b"the old password still works")


async def test_a_killed_broker_starts_again_with_its_data(mine: EmbeddedBroker) -> None:
    await produce(mine, "producer", ALERTS, b"kept over a kill")
    victim = psutil.Process(pid(mine))
    victim.kill()
    psutil.wait_procs([victim], timeout=5)
    mine.start()
    assert b"kept over a kill" in await values(mine, ALERTS)


async def test_a_forbidden_produce_is_refused_and_stores_nothing(mine: EmbeddedBroker) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await produce(mine, "producer", LEDGER, b"an act that nobody intended")
    assert await values(mine, LEDGER) == []


def test_a_forbidden_topic_is_not_even_described(mine: EmbeddedBroker) -> None:
    settings = mine.kafka("producer")
    visible = cluster.client(settings).list_topics(timeout=10).topics
    assert settings.topic(LEDGER.name) not in visible
    assert settings.topic(ALERTS.name) in visible


async def test_a_follower_tells_a_loss_in_one_line_and_goes_on_when_the_broker_is_back(
    mine: EmbeddedBroker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("aiokafka")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", logger.propagate)
    terse()
    (sent,) = outgoing(event(alert()))
    async with Tail(mine.kafka("intake"), [ALERTS]) as tail:
        following = asyncio.ensure_future(anext(aiter(tail)))
        await asyncio.to_thread(mine.stop)
        await asyncio.sleep(AWAY_SECONDS)
        told = capsys.readouterr().err
        await asyncio.to_thread(mine.start)
        await produce(mine, "producer", ALERTS, sent.record.value or b"", sent.record.headers)
        topic, seen = await asyncio.wait_for(following, 60)
    assert told.count("\n") == 1 and told.startswith("lost the broker at 127.0.0.1:")
    assert (topic, type(seen.fact)) == (ALERTS, AlertReceived)


def test_two_starters_start_one_broker(mine: EmbeddedBroker) -> None:
    mine.stop()
    settings = EmbeddedSettings(state_dir=mine.state_dir)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: EmbeddedBroker(settings).start(), range(2))
    assert first == second == mine.status()


def test_a_lost_user_is_made_anew(mine: EmbeddedBroker) -> None:
    mine.credential_file("auditor").unlink()
    mine.start()
    cluster.client(mine.kafka("auditor")).list_topics(timeout=10)


def test_stop_leaves_no_process_and_reset_no_state(make_broker: Factory) -> None:
    with make_broker() as broker:
        broker.start()
        number = pid(broker)
        assert broker.stop()
        assert not psutil.pid_exists(number)
        assert not broker.status().running
        assert not broker.stop()
        broker.reset()
        assert sorted(path.name for path in broker.state_dir.iterdir()) == ["broker.lock"]


def test_a_lost_admin_is_told_and_not_replaced(make_broker: Factory) -> None:
    with make_broker() as broker:
        broker.start()
        broker.stop()
        broker.credential_file("admin").unlink()
        with pytest.raises(StateUnusable, match="aoi broker reset"):
            broker.start()


def test_a_broken_broker_shows_the_end_of_its_log(make_broker: Factory) -> None:
    with make_broker() as broker:
        broker.start()
        broker.stop()
        (broker.state_dir / "broker" / "data" / "meta.properties").write_text("version=99\n")
        with pytest.raises(BrokerNotStarted, match=r"broker\.log"):
            broker.start()
        assert not broker.status().running
