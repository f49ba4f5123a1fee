"""The partition of a customer: murmur2 of the key, as the Java client and aiokafka compute it.

librdkafka's default partitioner differs, so every confluent-kafka producer here is configured with ``PARTITIONER``.
"""

from collections.abc import Callable
from functools import cache

PARTITIONER = "murmur2_random"


def partition_of(customer_id: str, partitions: int) -> int:
    """The partition of a customer's key, from 0 to ``partitions - 1``."""
    return partition_of_key(customer_id.encode(), partitions)


def partition_of_key(key: bytes, partitions: int) -> int:
    """The partition of a record's key, from 0 to ``partitions - 1``."""
    return (_murmur2()(key) & 0x7FFFFFFF) % partitions


@cache
def _murmur2() -> Callable[[bytes], int]:
    # Importing aiokafka takes as long as what many commands do, and only some of them need a partition.
    from aiokafka.partitioner import murmur2

    hashed: Callable[[bytes], int] = murmur2
    return hashed
