"""What lies in a topic, record by record."""

from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

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
    config = {"group.id": "test", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer(brokers.config | config)
    left = set(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in left])
    records = []
    while left:
        for message in consumer.consume(1_000, timeout=0.1):
            place = message.partition(), message.offset()
            if message.error():
                left.discard(place[0])  # only the end of a partition comes as an error here
            else:
                records.append(Stored(*place, message.key(), message.value(), dict(message.headers() or [])))
    consumer.close()
    return sorted(records, key=lambda record: (record.partition, record.offset))
