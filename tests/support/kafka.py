"""Writing and reading topics record by record, as a client of any broker does."""

from collections.abc import Sequence
from functools import partial

from confluent_kafka import KafkaError, Message, Producer

from data.kafka.read_to_end import read_topic
from runtime.brokers import Brokers
from runtime.topics import LARGEST_RECORD
from tests.support.poison import Sent

Place = tuple[int, int]


def write(brokers: Brokers, topic: str, records: Sequence[Sent]) -> dict[Place, Sent]:
    """Send records to their partitions; returns where each of them is."""
    places: dict[Place, Sent] = {}

    def arrived(sent: Sent, error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        places[(message.partition() or 0, message.offset() or 0)] = sent

    producer = Producer(
        {**brokers.config, "enable.idempotence": True, "compression.type": "zstd", "message.max.bytes": LARGEST_RECORD}
    )
    for sent in records:
        producer.produce(topic, sent.value, sent.key, sent.partition, on_delivery=partial(arrived, sent))
        producer.poll(0)
    assert producer.flush(30) == 0
    return places


def read(brokers: Brokers, topic: str) -> list[Message]:
    """Everything that a topic holds now, partition by partition in order."""
    return list(read_topic(brokers, topic, "tests", patience=10))
