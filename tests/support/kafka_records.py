"""Write and read a topic record by record with a plain Kafka client."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from data.kafka.read_to_end import read_topic
from runtime.brokers import Brokers
from runtime.topics import LARGEST_RECORD
from tests.support.poisoned_records import FatedRecord

Place = tuple[int, int]
# In seconds: a broker answers within a moment; the bound is for a machine that is busy with something else.
PATIENCE = 120


class StoredRecord(NamedTuple):
    """A record as it is stored in a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


def write(brokers: Brokers, topic: str, records: Sequence[FatedRecord]) -> dict[Place, FatedRecord]:
    """Send records to their partitions; returns them by partition and offset."""
    places: dict[Place, FatedRecord] = {}

    def arrived(sent: FatedRecord, error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        places[(message.partition() or 0, message.offset() or 0)] = sent

    producer = Producer(
        {**brokers.config, "enable.idempotence": True, "compression.type": "zstd", "message.max.bytes": LARGEST_RECORD}
    )
    for sent in records:
        producer.produce(topic, sent.value, sent.key, sent.partition, on_delivery=partial(arrived, sent))
        producer.poll(0)
    assert producer.flush(PATIENCE) == 0
    return places


def read(brokers: Brokers, topic: str) -> list[Message]:
    """All records that a topic holds now, each partition in order of its offsets."""
    return list(read_topic(brokers, topic, "tests", patience=PATIENCE))


def stored_records(brokers: Brokers, topic: str) -> list[StoredRecord]:
    """All records that a topic holds now, sorted by partition and offset."""
    return sorted((_stored(message) for message in read(brokers, topic)), key=lambda record: record[:2])


def headers(message: Message) -> dict[str, bytes]:
    """The headers of a record; a header without a value is empty."""
    pairs = message.headers() or []
    assert not isinstance(pairs, dict)
    return {name: value.encode() if isinstance(value, str) else value or b"" for name, value in pairs}


def _stored(message: Message) -> StoredRecord:
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return StoredRecord(partition, offset, message.key(), message.value(), headers(message))
