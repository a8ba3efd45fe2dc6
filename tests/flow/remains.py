"""Every byte that a run leaves: records of all topics, committed or not, and files, unpacked."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import zstandard
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.embedded.stack import Stack
from streams import login
from streams.topics import TOPICS


async def records(stack: Stack) -> AsyncIterator[tuple[TopicPartition, bytes]]:
    """Yield key, value and headers of every record of every topic, with its partition."""
    kafka = stack.login("admin")
    async with AIOKafkaConsumer(**login.aiokafka(kafka), group_id=None) as consumer:
        places = [
            TopicPartition(kafka.topic(topic.name), number)
            for topic in TOPICS
            for number in range(topic.partitions)
        ]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        left = {place for place, end in ends.items() if end}
        while left:
            for place, batch in (await consumer.getmany(timeout_ms=500)).items():
                for one in batch:
                    headers = b"".join(value for _, value in one.headers)
                    yield place, b"|".join((one.key or b"", one.value or b"", headers))
            left = {place for place in left if await consumer.position(place) < ends[place]}


def written(state: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the state folder but the broker's own."""
    for path in sorted(state.rglob("*")):
        name = str(path.relative_to(state))
        if path.is_file() and not name.startswith(("kafka/", "broker/data", "data/")):
            content = path.read_bytes()
            if path.suffix == ".zst":
                content = zstandard.decompress(content, max_output_size=1 << 28)
            yield name, content
