"""Which offsets a worker may commit: those below its first unfinished record.

Invariant: an offset is committable only when every record delivered before it is done. Gaps (the
markers of transactions) are no matter, as only delivered records are waited for. Faust's own
bookkeeping takes the record behind a gap for a part of the gap, and so commits past a record that
is still worked on; inputs written by transactions are full of gaps.
"""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

from streams.codec import Source


@dataclass(slots=True)
class _Partition:
    """Delivered records in order, with the moment of delivery and whether they are done."""

    waiting: OrderedDict[int, float] = field(default_factory=OrderedDict)
    done: set[int] = field(default_factory=set)
    next: int | None = None


class Acknowledgements:
    """The unfinished records of a worker, by partition. Moments are seconds of one clock."""

    def __init__(self) -> None:
        self._partitions: dict[Source, _Partition] = {}

    def delivered(self, source: Source, offset: int, now: float) -> None:
        """Note a record that came; a partition's records come in the order of their offsets."""
        self._partitions.setdefault(source, _Partition()).waiting.setdefault(offset, now)

    def done(self, source: Source, offset: int) -> None:
        """Note that a record's outputs are acknowledged; of a partition that is gone: nothing."""
        partition = self._partitions.get(source)
        if partition is None or offset not in partition.waiting:
            return
        partition.done.add(offset)
        while partition.waiting:
            first = next(iter(partition.waiting))
            if first not in partition.done:
                return
            partition.done.remove(first)
            del partition.waiting[first]
            partition.next = first + 1

    def committable(self) -> dict[Source, int]:
        """Return the next offset of every partition that has moved since it was `committed`."""
        return {
            source: partition.next
            for source, partition in self._partitions.items()
            if partition.next is not None
        }

    def committed(self, offsets: dict[Source, int]) -> None:
        """Note that the broker has these offsets."""
        for source, offset in offsets.items():
            partition = self._partitions.get(source)
            if partition is not None and partition.next == offset:
                partition.next = None

    def forget(self, sources: Collection[Source]) -> None:
        """Drop partitions that are ours no more."""
        for source in sources:
            self._partitions.pop(source, None)

    def unfinished(self) -> dict[tuple[Source, int], float]:
        """Return every record that is not done, with the moment when it came."""
        return {
            (source, offset): since
            for source, partition in self._partitions.items()
            for offset, since in partition.waiting.items()
            if offset not in partition.done
        }
