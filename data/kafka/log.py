"""Questions to the broker about a topic: its identity, its partitions, their end offsets, and gaps in a partition."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from runtime.brokers import Brokers
from runtime.errors import Hint, SegueError

_TIMEOUT = 10.0
#: Enough for an address with several machines behind it, of which some refuse connections.
_REFUSED_SECONDS = 2.0
_NODE_TIMEOUT = 5.0
_KNOWN_SECONDS = 60.0
_POLL_SECONDS = 0.1
_GROUP = "segue-log-reader"
_BROKERS_OWN = -1
# The embedded broker can neither create topics nor report their ids. It answers such requests with these errors.
_UNSUPPORTED = {KafkaError._UNSUPPORTED_FEATURE, KafkaError.UNSUPPORTED_VERSION}
# A new partition has no leader for a moment.
_WITHOUT_LEADER = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}
_once_led = Retrying(
    retry=retry_if_exception(
        lambda error: isinstance(error, KafkaException) and error.args[0].code() in _WITHOUT_LEADER
    ),
    stop=stop_after_delay(_TIMEOUT),
    wait=wait_fixed(_POLL_SECONDS),
    reraise=True,
)


class LogError(SegueError):
    """The broker or a topic is not as it should be."""


class UnreachableError(LogError):
    """No broker answers; one may do so later."""


class MissingTopicError(LogError):
    """The broker does not have the topic; it may be created later."""


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """The number of partitions of a topic, and an id that changes when the topic is deleted and created again."""

    log_id: str
    partitions: int


class Log:
    """Reads the metadata and the end offsets of a topic; a broker may take this many seconds to answer."""

    def __init__(
        self, brokers: Brokers, topic: str, consumer: Consumer | None = None, answer_seconds: float = _TIMEOUT
    ) -> None:
        self._topic = topic
        self._answer_seconds = answer_seconds
        self._brokers = brokers
        own = {"group.id": _GROUP, "allow.auto.create.topics": True}
        self._consumer = consumer or Consumer({**brokers.config, **own})

    def identity(self, log_id: str | None) -> LogIdentity:
        """The identity of the log. A ``log_id`` that is given replaces the one that the broker reports.

        Raises
        ------
        LogError
            If the broker can't be reached or does not have the topic.
        """
        try:
            metadata = self._consumer.list_topics(self._topic, timeout=self._answer_seconds)
            partitions = len(metadata.topics[self._topic].partitions)
            if not partitions:
                raise MissingTopicError(f"the broker at {self._brokers} has no topic {self._topic}")
            return LogIdentity(log_id or f"{metadata.cluster_id}/{topic_id(self._brokers, self._topic)}", partitions)
        except KafkaException as error:
            raise unreachable(self._brokers, error) from error

    def ends(self, partitions: int) -> list[int]:
        """The end offset of each partition.

        Raises
        ------
        UnreachableError
            If the broker can't be reached.
        """
        try:
            return [self._end(TopicPartition(self._topic, partition)) for partition in range(partitions)]
        except KafkaException as error:
            raise unreachable(self._brokers, error) from error

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _end(self, place: TopicPartition) -> int:
        return int(_once_led(self._consumer.get_watermark_offsets, place, timeout=self._answer_seconds)[1])


def topic_id(brokers: Brokers, topic: str) -> str:
    """The id of a topic; its name if the broker can't report ids."""
    admin = _admin(brokers)
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=_TIMEOUT)
    try:
        return str(described[topic].result().topic_id)
    except KafkaException as error:
        if error.args[0].code() in _UNSUPPORTED:
            return topic
        raise


def topic_names(brokers: Brokers, answer_seconds: float = _TIMEOUT) -> set[str]:
    """The names of all topics, without creating one. A broker may take this many seconds to answer.

    Raises
    ------
    UnreachableError
        If no broker answers: soon, where all of them refuse connections.
    """
    errors: list[KafkaError] = []
    own: dict[str, Any] = {"error_cb": errors.append}
    admin = AdminClient({**brokers.config, **own})
    try:
        try:
            return set(admin.list_topics(timeout=_REFUSED_SECONDS).topics)
        except KafkaException:
            admin.poll(0)
            if any(error.code() == KafkaError._ALL_BROKERS_DOWN for error in errors):
                raise
        return set(admin.list_topics(timeout=answer_seconds).topics)
    except KafkaException as error:
        raise unreachable(brokers, error) from error


def check_reachable(brokers: Brokers, answer_seconds: float = _TIMEOUT) -> None:
    """Check that a broker is there, before something that would wait longer for one.

    Raises
    ------
    UnreachableError
        If no broker answers: soon, where all of them refuse connections.
    """
    topic_names(brokers, answer_seconds)


def is_gap(brokers: Brokers, topic: str, partition: int, start: int, stop: int) -> bool:
    """Whether a partition delivers no record from offset ``start`` up to ``stop``.

    Transaction markers and aborted records are never delivered, so they are part of a gap. Records of an open Kafka
    transaction are not, because it may still be committed. Each call reads the partition with a new consumer. False if
    the broker does not answer.
    """
    own = {"group.id": _GROUP, "auto.offset.reset": "earliest", "enable.partition.eof": True}
    consumer = Consumer({**brokers.config, **own})
    try:
        place = TopicPartition(topic, partition, start)
        consumer.assign([place])
        message = consumer.poll(_TIMEOUT)
        offset = None if message is None else message.offset()
        if message is None or offset is None:
            return False
        error = message.error()
        return offset >= stop and (error is None or error.code() == KafkaError._PARTITION_EOF)
    except KafkaException:
        return False
    finally:
        consumer.close()


def create_topics(
    brokers: Brokers, topics: Mapping[str, dict[str, str]], partitions: int, replicas: int | None = None
) -> None:
    """Create the topics that do not exist yet. Existing topics keep their configuration.

    Parameters
    ----------
    topics
        The configuration of each topic, by name.
    replicas
        Copies of each partition; None leaves them to the broker.

    Raises
    ------
    LogError
        If the broker can't be reached or refuses, or a topic exists with another number of partitions.
    """
    admin = _admin(brokers)
    copies = _BROKERS_OWN if replicas is None else replicas
    new = [NewTopic(topic, partitions, copies, config=config) for topic, config in topics.items()]
    for topic, created in admin.create_topics(new, request_timeout=_TIMEOUT).items():
        try:
            created.result()
        except KafkaException as error:
            reason = error.args[0]
            if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue
            if reason.retriable() or reason.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT):
                raise unreachable(brokers, error) from error
            if reason.code() not in _UNSUPPORTED:
                raise LogError(f"can't create topic {topic}: {reason.str()}") from error
    check_partitions(brokers, topics, partitions)
    _wait_until_known(brokers, set(topics))


def _wait_until_known(brokers: Brokers, topics: set[str]) -> None:
    """Wait until every node of the cluster that answers knows the topics; some learn of a new topic a moment later."""
    try:
        nodes = _admin(brokers).list_topics(timeout=_TIMEOUT).brokers.values()
    except KafkaException as error:
        raise unreachable(brokers, error) from error
    behind = [f"{node.host}:{node.port}" for node in nodes] if len(nodes) > 1 else []
    deadline = time.monotonic() + _KNOWN_SECONDS
    while behind := [address for address in behind if not _knows(brokers, address, topics)]:
        if time.monotonic() > deadline:
            raise LogError(f"the broker at {behind[0]} does not know the new topics: is the cluster healthy?")
        time.sleep(_POLL_SECONDS)


def _knows(brokers: Brokers, address: str, topics: set[str]) -> bool:
    """Whether a node knows the topics, or does not answer."""
    # A client that has just been created asks the only node that it knows.
    node = _admin(replace(brokers, servers=address))
    try:
        return topics <= node.list_topics(timeout=_NODE_TIMEOUT).topics.keys()
    except KafkaException:
        return True


def check_partitions(brokers: Brokers, topics: Iterable[str], partitions: int) -> None:
    """Check that each existing topic has this number of partitions, so that a customer is in the same one everywhere.

    Raises
    ------
    LogError
        If a topic has another number of partitions, or the broker can't be reached.
    """
    try:
        admin = _admin(brokers)
        known = admin.list_topics(timeout=_TIMEOUT).topics
    except KafkaException as error:
        raise unreachable(brokers, error) from error
    for topic in topics:
        found = len(known[topic].partitions) if topic in known else 0
        if found and found != partitions:
            raise LogError(
                f"topic {topic} has {found} partitions and should have {partitions}: all topics need the same number, "
                "and changing it moves customers: see docs/operations.md"
            )


def unreachable(brokers: Brokers, error: KafkaException) -> UnreachableError:
    """The error for a broker that does not answer, from what the client reports."""
    return UnreachableError(f"can't reach a broker at {brokers} ({error.args[0].str()})", Hint.START_A_BROKER)


def _admin(brokers: Brokers) -> AdminClient:
    """An admin client. Keep it in a variable until its futures are done: they end with the client."""
    return AdminClient(brokers.config)
