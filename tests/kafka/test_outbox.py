"""The learner's outbox on a real broker: once, whole, through kills and beside zombies."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import TransactionalIdAuthorizationFailed

from agents.contracts.envelope import Event
from agents.contracts.guidance import GuidancePublished
from agents.contracts.ids import EventId, GuidanceId, ModelId
from agents.contracts.incident import Task
from agents.contracts.model import ModelPromoted, ModelRole
from agents.worker import Fatal
from streams import history, login
from streams.codec import decode
from streams.outbox import Outbox, Published
from streams.settings import KafkaSettings
from streams.topics import GUIDANCE, MODELS
from streams.wire import outgoing

if TYPE_CHECKING:
    from conftest import Space

pytestmark = pytest.mark.kafka
START = datetime(2026, 11, 27, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def guidance(name: str, second: float = 0) -> Event:
    fact = GuidancePublished(
        guidance_id=GuidanceId(name),
        signature=name,
        task=Task.MITIGATION,
        symptoms=("s",),
        steps=("look",),
        proved=True,
        expires=START + timedelta(days=30),
    )
    return Event(
        id=EventId(name),
        source="aoi/learner",
        time=START + timedelta(seconds=second),
        key=name,
        fact=fact,
    )


def promotion(name: str, second: float = 0) -> Event:
    fact = ModelPromoted(
        role=ModelRole.OBSERVER,
        model_id=ModelId(name),
        location="/m",
        digest=f"sha256:{'0' * 64}",
        verdict="better",
    )
    return Event(
        id=EventId(name),
        source="aoi/learner",
        time=START + timedelta(seconds=second),
        key=str(fact.role),
        fact=fact,
    )


BATCH = [guidance("g1"), guidance("g2"), promotion("m1")]
ALL = tuple(event.id for event in BATCH)


async def stored(space: "Space") -> list[str]:
    """Return the ids of the committed events of both topics, in order."""
    return [
        decode(received).id
        for topic in (GUIDANCE, MODELS)
        async for received in history.history(space.login("observer"), [topic], settled=True)
    ]


async def test_published_twice_is_there_once(space: "Space") -> None:
    async with Outbox(space.login("learner")) as outbox:
        assert await outbox.publish(BATCH) == Published(written=ALL)
        assert await outbox.publish(BATCH) == Published(already=ALL)
        more = promotion("m2", 5)
        assert (await outbox.publish([*BATCH, more])).written == (more.id,)
    async with Outbox(space.login("learner")) as restarted:
        assert (await restarted.publish([*BATCH, more])).written == ()
    assert await stored(space) == [*ALL, "m2"]


async def test_a_zombie_is_shut_out_for_good(space: "Space") -> None:
    settings = space.login("learner")
    async with Outbox(settings) as zombie:
        await zombie.publish(BATCH)
        async with Outbox(settings) as heir:
            for _ in range(2):
                with pytest.raises(Fatal, match="another process publishes"):
                    await zombie.publish([promotion("late", 9)])
            assert (await heir.publish([promotion("m2", 5)])).written == ("m2",)
    assert await stored(space) == [*ALL, "m2"]


async def test_what_an_heir_finds_open_is_undone_before_it_reads(space: "Space") -> None:
    settings = space.login("learner")
    stuck = AIOKafkaProducer(
        **login.aiokafka(settings), transactional_id=settings.transactional_id("learner", 0)
    )
    await stuck.start()
    await stuck.begin_transaction()
    for event in BATCH:
        await sent(stuck, settings, event)
    async with Outbox(settings) as outbox:
        assert (await outbox.publish(BATCH)).written == ALL
    await stuck.stop()
    assert await stored(space) == list(ALL)


async def sent(producer: AIOKafkaProducer, settings: KafkaSettings, event: Event) -> None:
    for one in outgoing(event):
        await producer.send_and_wait(
            settings.topic(one.topic),
            key=one.record.key,
            value=one.record.value,
            headers=list(one.record.headers),
            partition=one.partition,
        )


async def test_nobody_else_may_use_the_learners_transaction(space: "Space") -> None:
    settings = space.login("observer")
    thief = AIOKafkaProducer(
        **login.aiokafka(settings), transactional_id=settings.transactional_id("learner", 0)
    )
    with pytest.raises(TransactionalIdAuthorizationFailed):
        await thief.start()
    await thief.stop()
    with pytest.raises(Fatal, match="aoi topics apply"):
        await Outbox(settings).publish([promotion("stolen")])
    assert await stored(space) == []


VICTIM = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[2]]
from aiokafka import AIOKafkaProducer
from streams.outbox import Outbox
from streams.settings import KafkaSettings
from test_outbox import BATCH

commit = AIOKafkaProducer.commit_transaction

async def killed(self):
    if sys.argv[5] == "after":
        await commit(self)
    os.kill(os.getpid(), signal.SIGKILL)

AIOKafkaProducer.commit_transaction = killed
settings = KafkaSettings.of_file(Path(sys.argv[3]), topic_prefix=sys.argv[4])
asyncio.run(Outbox(settings).publish(BATCH))
"""


@pytest.mark.parametrize(("moment", "written"), [("before", ALL), ("after", ())])
async def test_killed_around_its_commit_it_has_published_once(
    space: "Space", moment: str, written: tuple[str, ...]
) -> None:
    file = space.broker.credential_file("learner")
    here = str(Path(__file__).parent)
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", VICTIM, str(ROOT), here, str(file), space.prefix, moment,
        env=os.environ.copy(),
        stderr=subprocess.PIPE,
    )  # fmt: skip
    _, told = await asyncio.wait_for(victim.communicate(), 60)
    assert victim.returncode == -signal.SIGKILL, told.decode()
    async with Outbox(space.login("learner")) as outbox:
        assert (await outbox.publish(BATCH)).written == written
    assert await stored(space) == list(ALL)
