"""What lies in a topic, record by record."""

from typing import NamedTuple

from data.kafka.read_to_end import read_topic
from runtime.brokers import Brokers


class Stored(NamedTuple):
    """A record as it lies in a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


def everything(brokers: Brokers, topic: str) -> list[Stored]:
    """All records of a topic up to its present end, partition by partition in order."""
    records = [
        Stored(
            message.partition() or 0,
            message.offset() or 0,
            message.key(),
            message.value(),
            dict(message.headers() or []),
        )
        for message in read_topic(brokers, topic, "test")
    ]
    return sorted(records, key=lambda record: (record.partition, record.offset))
