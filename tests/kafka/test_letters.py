"""Dead letters on a real broker: what is replayed is what stood there, and who may do it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer

from agents.contracts.envelope import Event
from agents.roles import Role
from agents.worker import Poison
from streams import history, letters, login
from streams.codec import Received
from streams.deadletter import dead_letter
from streams.intake.bad import BadAlert, Reason
from streams.intake.refusal import Refusal
from streams.intake.refusal import dead_letter as http_letter
from streams.letters import ReplayRefused
from streams.topic import Outsider
from streams.topics import ALERTS
from streams.wire import outgoing

if TYPE_CHECKING:
    from conftest import Space

pytestmark = pytest.mark.kafka
NOW = datetime(2026, 11, 20, tzinfo=UTC)
HEADERS = [("ce_id", b"1"), ("strange", b"\xff")]


async def on_alerts(space: "Space") -> list[Received]:
    return [one async for one in history.history(space.login("intake"), [ALERTS])]


async def bury(space: "Space", *events: Event) -> None:
    kafka = space.login("intake")
    async with AIOKafkaProducer(**login.aiokafka(kafka)) as producer:
        for event in events:
            for one in outgoing(event):
                await producer.send_and_wait(
                    kafka.topic(one.topic),
                    one.record.value,
                    key=one.record.key,
                    partition=one.partition,
                    headers=list(one.record.headers),
                )


@pytest.fixture
async def buried(space: "Space") -> "Space":
    """Give a space with three letters: of a record, of another with false bytes, and over HTTP."""
    kafka = space.login("producer")
    async with AIOKafkaProducer(**login.aiokafka(kafka)) as producer:
        topic = kafka.topic(ALERTS.name)
        for value in (b"\x00first", b"second"):
            await producer.send_and_wait(topic, value, key=b"k", headers=HEADERS, partition=3)
    first, second = await on_alerts(space)
    poison = Poison("not-json", "expected JSON")
    false = Received(source=second.source, offset=second.offset, record=first.record)
    bad = BadAlert(Reason.NOT_JSON, "expected JSON")
    refusal = Refusal(source_format="aoi", body=b"x", headers={}, bad=bad)
    await bury(
        space,
        dead_letter(Role.INTAKE, first, poison, NOW),
        dead_letter(Role.INTAKE, false, poison, NOW),
        http_letter(refusal, NOW),
    )
    return space


async def test_a_replay_sends_the_original_bytes_as_the_writer_of_the_topic(
    buried: "Space",
) -> None:
    found = await letters.letters(buried.login("operator"))
    assert letters.writer_of(found[0]) is Outsider.PRODUCER
    sent = await letters.replay(found[0], buried.login)
    last = (await on_alerts(buried))[-1]
    assert last.record == sent
    assert (last.record.value, last.record.key) == (b"\x00first", b"k")
    assert last.record.headers == tuple(HEADERS)
    assert last.source.partition == 3


async def test_a_letter_that_is_not_what_stands_there_is_not_replayed(buried: "Space") -> None:
    found = await letters.letters(buried.login("operator"))
    with pytest.raises(ReplayRefused, match="nothing was sent"):
        await letters.replay(found[1], buried.login)
    with pytest.raises(ReplayRefused, match="aoi alerts send"):
        await letters.replay(found[2], buried.login)
    gone = found[0].fact.model_copy(update={"offset": 999})
    with pytest.raises(ReplayRefused):
        await letters.replay(
            letters.Letter(number=0, time=NOW, fact=gone, settled=False), buried.login
        )
    assert len(await on_alerts(buried)) == 2


async def test_settled_letters_stay_settled_and_stay_there(buried: "Space") -> None:
    operator = buried.login("operator")

    async def settled() -> list[bool]:
        return [one.settled for one in await letters.letters(operator)]

    assert await settled() == [False, False, False]
    await letters.settle(operator, [2])
    assert await settled() == [False, False, True]
    await letters.settle(operator, [0])
    assert await settled() == [True, False, True]
    await letters.settle(operator, [1, 2])
    assert await settled() == [True, True, True]


async def test_only_operators_and_auditors_read_letters(buried: "Space") -> None:
    assert len(await letters.letters(buried.login("operator"))) == 3
    with pytest.raises(history.HistoryUnavailable):
        await letters.letters(buried.login("producer"))
