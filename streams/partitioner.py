"""The one partitioner: murmur2 of the key, as Kafka's own Java client does it.

Invariant: a key has the same partition number in every topic of equal partition count, whoever of
AOI writes it; the reducers' co-partitioned inputs rest on this. `streams/wire.py` applies it.
"""

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key (KafkaProducer's BuiltInPartitioner, `toPositive(murmur2)`)."""
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions
