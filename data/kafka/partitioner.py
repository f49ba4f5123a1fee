"""The partition of a customer: murmur2 of the key, as the Java client and aiokafka compute it.

librdkafka's default partitioner differs, so every confluent-kafka producer here is configured with ``PARTITIONER``.
"""

from struct import iter_unpack

PARTITIONER = "murmur2_random"

_SEED = 0x9747B28C
_FACTOR = 0x5BD1E995
_BITS_32 = 0xFFFFFFFF


def partition_of(customer_id: str, partitions: int) -> int:
    """The partition of a customer's key, from 0 to ``partitions - 1``."""
    return partition_of_key(customer_id.encode(), partitions)


def partition_of_key(key: bytes, partitions: int) -> int:
    """The partition of a record's key, from 0 to ``partitions - 1``."""
    return (_murmur2(key) & 0x7FFFFFFF) % partitions


# aiokafka has it, too, but takes up to twice as long, and importing it takes as long as what many commands do.
def _murmur2(key: bytes) -> int:
    whole = len(key) & ~3
    hashed = _SEED ^ len(key)
    for (word,) in iter_unpack("<I", key[:whole]):
        mixed = word * _FACTOR & _BITS_32
        mixed ^= mixed >> 24
        hashed = (hashed * _FACTOR ^ mixed * _FACTOR) & _BITS_32
    if rest := key[whole:]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * _FACTOR & _BITS_32
    hashed ^= hashed >> 13
    hashed = hashed * _FACTOR & _BITS_32
    return hashed ^ hashed >> 15
