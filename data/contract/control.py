"""Signatures of control records (ticks, models and erasures): only an owner of the key can write one that is accepted.

The signature covers the topic, the partition, a number and the value, so that a copy is of no use in another partition
or topic. The number lets a worker refuse a copy of an older model.
"""

import hmac

from data.contract.wire import ControlHeaders

NUMBER, SIGNATURE = ControlHeaders.__struct_encode_fields__

Headers = list[tuple[str, bytes]]


def signed(key: bytes, topic: str, partition: int, number: int, value: bytes) -> Headers:
    """The headers of a control record."""
    text = str(number).encode()
    return [(NUMBER, text), (SIGNATURE, _signature(key, topic, partition, text, value))]


def is_valid(key: bytes, topic: str, partition: int, number: bytes, signature: bytes, value: bytes) -> bool:
    """Whether the signature of a control record was made with a key."""
    return hmac.compare_digest(_signature(key, topic, partition, number, value), signature)


def _signature(key: bytes, topic: str, partition: int, number: bytes, value: bytes) -> bytes:
    # A topic's name can't contain a line break, and a partition and a number are digits.
    message = b"\n".join([topic.encode(), str(partition).encode(), number, value])
    return hmac.new(key, message, "sha256").hexdigest().encode()
