"""The failure topic on the real broker: offsets by hand, nothing skipped, nothing silent."""

import asyncio

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from learner.source import Batch, KafkaSource, OffsetsGone
from streams import login
from streams.topics import TRAJECTORIES_FAILED
from tests.conftest import Space
from tests.doubles.failures import failed, written

pytestmark = pytest.mark.kafka


async def read(
    space: Space, offsets: dict[int, int], known: frozenset[str] = frozenset(), limit: int = 100
) -> Batch:
    return await KafkaSource(space.login("learner")).read(offsets, known, limit=limit)


async def test_every_failure_comes_once_and_offsets_go_on(space: Space) -> None:
    await written(space, *(failed(n) for n in range(20)), junk=2)
    first = await read(space, {})
    assert {one.id for one in first.failures} == {f"incident-{n}/0" for n in range(20)}
    assert first.unreadable == 2
    assert (await read(space, dict(first.offsets))).failures == ()
    await written(space, failed(20), failed(3, revision=1))
    second = await read(space, dict(first.offsets))
    assert {one.id for one in second.failures} == {"incident-20/0", "incident-3/1"}


async def test_a_limit_leaves_the_rest_for_the_next_read(space: Space) -> None:
    await written(space, *(failed(n) for n in range(20)))
    source, offsets, seen = KafkaSource(space.login("learner")), dict[int, int](), list[str]()
    assert await source.lag(offsets) >= 20
    for _ in range(4):
        batch = await source.read(offsets, frozenset(seen), limit=6)
        assert len(batch.failures) <= 6
        offsets = dict(batch.offsets)
        seen += [one.id for one in batch.failures]
    assert sorted(seen) == sorted({f"incident-{n}/0" for n in range(20)})
    assert await source.lag(offsets) == 0


async def test_what_was_ingested_before_is_a_repeat(space: Space) -> None:
    await written(space, failed(1), failed(2), failed(1))
    batch = await read(space, {}, frozenset({"incident-2/0"}))
    assert [one.id for one in batch.failures] == ["incident-1/0"]
    assert batch.repeats == 2


async def test_offsets_that_are_gone_are_an_error(space: Space) -> None:
    await written(space, *(failed(n) for n in range(8)))
    batch = await read(space, {})
    settings = space.login()
    name = settings.topic(TRAJECTORIES_FAILED.name)
    admin = AdminClient(dict(login.librdkafka(settings)))
    places = [TopicPartition(name, n, offset) for n, offset in batch.offsets.items() if offset]
    for future in admin.delete_records(places).values():
        await asyncio.to_thread(future.result)
    assert (await read(space, dict(batch.offsets))).failures == ()
    with pytest.raises(OffsetsGone, match="away for longer"):
        await read(space, dict.fromkeys(batch.offsets, 0))
    with pytest.raises(OffsetsGone, match="away for longer"):
        await read(space, dict.fromkeys(batch.offsets, 10_000))


async def test_offsets_of_a_topic_that_was_made_anew_are_an_error(space: Space) -> None:
    source = KafkaSource(space.login("learner"))
    await written(space, *(failed(n) for n in range(8)))
    batch = await source.read({}, frozenset(), limit=100)
    assert batch.topic_id is not None
    again = await source.read(batch.offsets, frozenset(), limit=100, topic_id=batch.topic_id)
    assert (again.failures, again.topic_id) == ((), batch.topic_id)
    with pytest.raises(OffsetsGone, match="made anew"):
        await source.read(batch.offsets, frozenset(), limit=100, topic_id="another")
    assert len((await source.read({}, frozenset(), limit=100, topic_id="another")).failures) == 8
