"""Reading a topic from its beginning to its present end, or without end."""

import time
from collections.abc import Iterable, Iterator

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

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
    offsets: dict[int, int] | None = None,
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
        Seconds without an answer after which reading fails; by default it waits, as long as a broker is there.
    offsets
        The offset to begin with by partition, by default the beginning; kept up to date while reading.

    Raises
    ------
    UnreachableError
        If no broker answers, or none is left.
    """
    lost: list[KafkaError] = []
    next_offsets = {} if offsets is None else offsets
    own = {"group.id": group, "enable.auto.commit": False, "enable.partition.eof": True, "error_cb": lost.append}
    consumer = Consumer({**brokers.config, **own})
    try:
        left = set(_all_partitions(consumer, brokers, topic) if partitions is None else partitions)
        consumer.assign([TopicPartition(topic, number, next_offsets.get(number, OFFSET_BEGINNING)) for number in left])
        answered = time.monotonic()
        while follow or left:
            message = consumer.poll(_POLL_SECONDS)
            if message is None:
                if any(error.code() == KafkaError._ALL_BROKERS_DOWN for error in lost):
                    _all_partitions(consumer, brokers, topic)
                lost.clear()
                if patience is not None and time.monotonic() - answered > patience:
                    raise UnreachableError(f"the broker at {brokers} has not answered for {patience:g} seconds")
                continue
            if message.error():
                # The end of a partition is reported as an error.
                left.discard(message.partition())
            else:
                partition, offset = message.partition(), message.offset()
                if partition is not None and offset is not None:
                    next_offsets[partition] = offset + 1
                yield message
            answered = time.monotonic()
    finally:
        consumer.close()


def newest_offsets(brokers: Brokers, topic: str, group: str) -> dict[int, int]:
    """The offsets with which :func:`read_topic` reads only records from now on, by partition.

    Raises
    ------
    UnreachableError
        If no broker answers.
    """
    consumer = Consumer({**brokers.config, "group.id": group})
    try:
        return dict.fromkeys(_all_partitions(consumer, brokers, topic), OFFSET_END)
    finally:
        consumer.close()


def _all_partitions(consumer: Consumer, brokers: Brokers, topic: str) -> list[int]:
    try:
        return list(consumer.list_topics(topic, timeout=_CONNECT_SECONDS).topics[topic].partitions)
    except KafkaException as error:
        raise unreachable(brokers, error) from error
