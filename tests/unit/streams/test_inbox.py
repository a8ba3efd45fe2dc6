"""A batch is bounded in records and in bytes, and nothing is lost or reordered by it."""

from streams.codec import Received, Record, Source
from streams.transaction import BATCH_BYTES, BATCH_RECORDS, Inbox


async def batches(records: list[Record]) -> list[list[int]]:
    """Return the offsets of each batch until the inbox is empty."""
    inbox = Inbox()
    for offset, record in enumerate(records):
        await inbox.put(Received(source=Source("plans", 0), offset=offset, record=record))
    found = []
    while len(inbox):
        found.append([one.offset for one in await inbox.gather()])
    return found


def sized(size: int) -> Record:
    return Record(key=b"", value=b"x" * size)


async def test_a_batch_ends_by_bytes() -> None:
    assert await batches([sized(1_000_000)] * 10) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_a_batch_ends_by_records() -> None:
    found = await batches([sized(1)] * (BATCH_RECORDS + 1))
    assert [len(one) for one in found] == [BATCH_RECORDS, 1]


async def test_a_record_beyond_the_limit_goes_by_itself() -> None:
    assert await batches([sized(1), sized(BATCH_BYTES + 1), sized(1)]) == [[0], [1], [2]]


async def test_keys_and_headers_count() -> None:
    record = Record(key=b"k" * 1_000_000, value=None, headers=(("h", b"x" * 2_000_000),))
    assert await batches([record] * 2) == [[0], [1]]
