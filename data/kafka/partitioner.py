"""The partition of a customer: murmur2 of the key, as the Java client and aiokafka compute it.

librdkafka's default partitioner differs, so every confluent-kafka producer here is configured with ``PARTITIONER``.
"""

from aiokafka.partitioner import murmur2

PARTITIONER = "murmur2_random"


def partition_of(customer_id: str, partitions: int) -> int:
    """The partition of a customer's key, from 0 to ``partitions - 1``."""
    return partition_of_key(customer_id.encode(), partitions)


def partition_of_key(key: bytes, partitions: int) -> int:
    """The partition of a record's key, from 0 to ``partitions - 1``."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
