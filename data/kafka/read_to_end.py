"""Reading a topic from its beginning to its present end, or without end."""

import time
from collections.abc import Iterable, Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from data.kafka.log import UnreachableError, unreachable
from runtime.brokers import Brokers

_CONNECT_SECONDS = 10.0
_POLL_SECONDS = 0.5


def read_topic(
    brokers: Brokers,
    topic: str,
    group: str,
    *,
    partitions: Iterable[int] | None = None,
    follow: bool = False,
    patience: float | None = None,
) -> Iterator[Message]:
    """The records of a topic, each partition in order of its offsets; partitions are interleaved.

    Parameters
    ----------
    group
        The consumer group, which matters for access control only: no offsets are committed.
    partitions
        The partitions to read; by default all of them.
    follow
        Whether to wait for further records at the end of the topic. Otherwise iteration ends once every partition has
        been read to the end that it has by then.
    patience
        Seconds without an answer after which reading fails; by default it waits.

    Raises
    ------
    UnreachableError
        If no broker answers.
    """
    consumer = Consumer(
        {**brokers.config, "group.id": group, "enable.auto.commit": False, "enable.partition.eof": True}
    )
    try:
        left = set(_all_partitions(consumer, brokers, topic) if partitions is None else partitions)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in left])
        answered = time.monotonic()
        while follow or left:
            message = consumer.poll(_POLL_SECONDS)
            if message is None:
                if patience is not None and time.monotonic() - answered > patience:
                    raise UnreachableError(f"the broker at {brokers} has not answered for {patience:g} seconds")
                continue
            if message.error():
                # The end of a partition is reported as an error.
                left.discard(message.partition())
            else:
                yield message
            answered = time.monotonic()
    finally:
        consumer.close()


def _all_partitions(consumer: Consumer, brokers: Brokers, topic: str) -> list[int]:
    try:
        return list(consumer.list_topics(topic, timeout=_CONNECT_SECONDS).topics[topic].partitions)
    except KafkaException as error:
        raise unreachable(brokers, error) from error
