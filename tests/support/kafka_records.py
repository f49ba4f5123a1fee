"""Writing and reading topics record by record, as a client of any broker does."""

from collections.abc import Sequence
from functools import partial

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition

from runtime.brokers import Brokers
from runtime.topics import LARGEST_RECORD
from tests.support.poisoned_records import FatedRecord

Place = tuple[int, int]


def write(brokers: Brokers, topic: str, records: Sequence[FatedRecord]) -> dict[Place, FatedRecord]:
    """Send records to their partitions; returns where each of them is."""
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
    assert producer.flush(30) == 0
    return places


def read(brokers: Brokers, topic: str) -> list[Message]:
    """Everything that a topic holds now, partition by partition in order."""
    consumer = Consumer({**brokers.config, "group.id": "tests", "enable.partition.eof": True})
    partitions = set(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    messages: list[Message] = []
    while partitions:
        message = consumer.poll(10)
        assert message is not None, "the broker does not answer"
        if message.error():
            partitions.discard(message.partition())
        else:
            messages.append(message)
    consumer.close()
    return messages
