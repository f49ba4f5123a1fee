"""The log as the broker tells it: which log this is, how many partitions it has, and how far it reaches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from runtime.brokers import Brokers

log = structlog.get_logger(__name__)

_TIMEOUT = 10.0
# What brokers say that have no such request: the embedded one can neither create topics nor tell their ids.
_UNSUPPORTED = {KafkaError._UNSUPPORTED_FEATURE, KafkaError.UNSUPPORTED_VERSION}


class LogError(RuntimeError):
    """The broker or the topic is not what it should be; the message says what to do."""


class UnreachableError(LogError):
    """No broker answers; it may do so later."""


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """A topic's partitions, and an id that changes when the topic is made anew."""

    log_id: str
    partitions: int


class Log:
    """Reads a topic's metadata and ends."""

    def __init__(self, brokers: Brokers, topic: str) -> None:
        self._topic = topic
        self._brokers = brokers
        self._consumer = Consumer(
            {
                **brokers.config,
                "group.id": "segue-log-reader",
                "allow.auto.create.topics": True,
            }
        )

    def identity(self, log_id: str | None) -> LogIdentity:
        """The log's identity; ``log_id`` where something else knows it better than the broker.

        Raises
        ------
        LogError
            If the broker can't be reached or does not have the topic.
        """
        try:
            metadata = self._consumer.list_topics(self._topic, timeout=_TIMEOUT)
            partitions = len(metadata.topics[self._topic].partitions)
            if not partitions:
                raise LogError(f"the broker at {self._brokers} has no topic {self._topic}")
            return LogIdentity(log_id or f"{metadata.cluster_id}/{self._topic_id()}", partitions)
        except KafkaException as error:
            raise _unreachable(self._brokers, error) from error

    def ends(self, partitions: int) -> list[int]:
        """The offset that the next record of each partition will get.

        Raises
        ------
        UnreachableError
            If the broker can't be reached.
        """
        try:
            return [
                self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=_TIMEOUT)[1]
                for partition in range(partitions)
            ]
        except KafkaException as error:
            raise _unreachable(self._brokers, error) from error

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _topic_id(self) -> str:
        admin = _admin(self._brokers)
        described = admin.describe_topics(TopicCollection([self._topic]), request_timeout=_TIMEOUT)
        try:
            return str(described[self._topic].result().topic_id)
        except KafkaException as error:
            if error.args[0].code() in _UNSUPPORTED:
                return self._topic
            raise


def is_gap(brokers: Brokers, topic: str, partition: int, start: int, stop: int) -> bool:
    """Whether a partition has no records from ``start`` up to ``stop``; asks the broker afresh.

    Marks of transactions are none, nor is what was given up with one; what may yet be committed is. False if the broker
    does not answer.
    """
    own = {"group.id": "segue-log-reader", "auto.offset.reset": "earliest", "enable.partition.eof": True}
    consumer = Consumer({**brokers.config, **own})
    try:
        place = TopicPartition(topic, partition, start)
        consumer.assign([place])
        message = consumer.poll(_TIMEOUT)
        offset = None if message is None else message.offset()
        if message is None or offset is None:
            return False
        error = message.error()
        found = offset >= stop and (error is None or error.code() == KafkaError._PARTITION_EOF)
        if found and (begins := consumer.get_watermark_offsets(place, timeout=_TIMEOUT)[0]) > start:
            log.error("records were deleted before they were read", partition=partition, start=start, stop=begins)
        return found
    except KafkaException:
        return False
    finally:
        consumer.close()


def create_topics(brokers: Brokers, topics: Mapping[str, dict[str, str]], partitions: int) -> None:
    """Create topics that are missing, with their configuration; those that are there stay as they are.

    Raises
    ------
    LogError
        If the broker refuses, or has one of them with another number of partitions.
    """
    admin = _admin(brokers)
    new = [NewTopic(topic, num_partitions=partitions, config=config) for topic, config in topics.items()]
    for topic, created in admin.create_topics(new, request_timeout=_TIMEOUT).items():
        try:
            created.result()
        except KafkaException as error:
            reason = error.args[0]
            if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue
            if reason.retriable() or reason.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT):
                raise _unreachable(brokers, error) from error
            if reason.code() not in _UNSUPPORTED:
                raise LogError(f"can't create topic {topic}: {reason.str()}") from error
    check_partitions(brokers, topics, partitions)


def check_partitions(brokers: Brokers, topics: Iterable[str], partitions: int) -> None:
    """Make sure that a customer is in the same partition of each of some topics; those that are not there don't count.

    Raises
    ------
    LogError
        If one has another number, or the broker can't be reached.
    """
    try:
        admin = _admin(brokers)
        known = admin.list_topics(timeout=_TIMEOUT).topics
    except KafkaException as error:
        raise _unreachable(brokers, error) from error
    for topic in topics:
        there = len(known[topic].partitions) if topic in known else 0
        if there and there != partitions:
            raise LogError(
                f"topic {topic} has {there} partitions and should have {partitions}: all topics need the same number, "
                "and changing it moves customers: see docs/operations.md"
            )


def _admin(brokers: Brokers) -> AdminClient:
    """A client to keep in a variable: one that is collected takes its answers with it."""
    return AdminClient(brokers.config)


def _unreachable(brokers: Brokers, error: KafkaException) -> UnreachableError:
    return UnreachableError(
        f"can't reach a broker at {brokers} ({error.args[0].str()}); "
        "is one running? Set SEGUE_BOOTSTRAP_SERVERS, or start `segue up`"
    )
