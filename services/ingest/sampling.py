"""Some records of a topic, without a consumer group."""

from itertools import islice
from typing import NamedTuple

from confluent_kafka import Message

from data.kafka.log import Log, MissingTopicError, topic_names
from data.kafka.read_to_end import newest_offsets, read_topic
from runtime.brokers import Brokers

_OLDEST, _NEWEST = 500, 500


class Sampled(NamedTuple):
    """A record, and where it is."""

    partition: int
    offset: int
    value: bytes | None


def require_topic(brokers: Brokers, topic: str) -> None:
    """Return if the broker has a topic; asking for it would create it on some brokers.

    Raises
    ------
    MissingTopicError
        If it does not.
    UnreachableError
        If no broker answers.
    """
    if topic not in topic_names(brokers):
        raise MissingTopicError(f"the broker at {brokers} has no topic {topic} that this user may see")


def oldest(brokers: Brokers, topic: str, group: str, count: int = _OLDEST) -> list[Sampled]:
    """The first records that a topic still has, of any partition.

    Raises
    ------
    UnreachableError
        If no broker answers.
    """
    return [_sampled(message) for message in islice(read_topic(brokers, topic, group), count)]


def newest(brokers: Brokers, topic: str, group: str, count: int = _NEWEST) -> list[Sampled]:
    """The last records of each partition.

    Raises
    ------
    UnreachableError
        If no broker answers.
    """
    partitions = len(newest_offsets(brokers, topic, group))
    log = Log(brokers, topic)
    try:
        ends = log.ends(partitions)
    finally:
        log.close()
    offsets = {partition: max(0, end - count // len(ends)) for partition, end in enumerate(ends)}
    return [_sampled(message) for message in islice(read_topic(brokers, topic, group, offsets=offsets), count)]


def _sampled(message: Message) -> Sampled:
    return Sampled(message.partition() or 0, message.offset() or 0, message.value())
