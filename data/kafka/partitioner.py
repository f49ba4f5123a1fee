"""Which partition a customer belongs to: murmur2, as the Java client and aiokafka place a key.

librdkafka's own default differs, so every confluent-kafka producer here is given ``PARTITIONER``.
"""

from aiokafka.partitioner import murmur2

PARTITIONER = "murmur2_random"


def partition_of(customer_id: str, partitions: int) -> int:
    """The partition of a customer's key among ``partitions``."""
    return int(murmur2(customer_id.encode()) & 0x7FFFFFFF) % partitions
