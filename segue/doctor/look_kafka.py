"""Looks at Kafka: one reading of the topics' descriptions, ends and newest records, with bounded waiting."""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigEntry, ConfigResource, ResourceType, TopicDescription

from data.kafka.partitioner import partition_of_key
from runtime.brokers import Brokers
from runtime.topics import Topics
from segue.doctor import kafka, stream
from segue.doctor.finding import CheckFinding
from segue.doctor.kafka import KeyedRecord, Topic

_TIMEOUT = 5.0
_READING_SECONDS = 5.0
_RECENT = 100
_VERIFICATION = "transaction.partition.verification.enable"


@dataclass
class SeenKafka:
    """What the broker answered."""

    log_id: str
    brokers: int
    topics: dict[str, Topic | None]
    verification: str | None
    ends: dict[int, int] = field(default_factory=dict)
    records: list[KeyedRecord] = field(default_factory=list)
    newest_at: float | None = None

    @property
    def partitions(self) -> int | None:
        """The number of the log's partitions; None if the topic does not exist."""
        return len(self.ends) or None


def look(brokers: Brokers, topics: Topics, log_id: str | None) -> SeenKafka:
    """Read what the judgements need.

    Raises
    ------
    KafkaException
        If no broker answers.
    """
    admin = AdminClient(brokers.config)
    known = admin.list_topics(timeout=_TIMEOUT)
    present = [name for name in topics.configuration if name in known.topics and known.topics[name].partitions]
    first = next(iter(known.brokers), None)
    # All requests are on their way before the first answer is awaited: a broker that knows none of them, such as the
    # embedded one, costs one timeout.
    identities = {name: _ask_identity(admin, name) for name in present}
    configurations = {name: _ask_configuration(admin, ResourceType.TOPIC, name) for name in present}
    of_broker = None if first is None else _ask_configuration(admin, ResourceType.BROKER, str(first))
    described: dict[str, Topic | None] = dict.fromkeys(topics.configuration)
    for name in present:
        replicas = [len(each.replicas) for each in known.topics[name].partitions.values()]
        configuration = _configuration(configurations[name])
        described[name] = Topic(_identity(identities[name], name), len(replicas), min(replicas), configuration)
    log = described[topics.transactions]
    identity = log_id or (f"{known.cluster_id}/{log.id}" if log is not None else "")
    broker = {} if of_broker is None else _configuration(of_broker) or {}
    seen = SeenKafka(identity, len(known.brokers), described, broker.get(_VERIFICATION))
    _read(brokers, topics, seen)
    return seen


def judge(seen: SeenKafka, topics: Topics) -> Iterator[CheckFinding]:
    """All judgements about Kafka alone."""
    present = {name: topic for name, topic in seen.topics.items() if topic is not None}
    yield kafka.verification(seen.verification)
    yield kafka.partition_counts(seen.topics)
    for name, topic in present.items():
        yield from kafka.configuration(name, topic, topics)
    if present:
        yield kafka.replication(present, seen.brokers)
    counts = {name: topic.partitions for name, topic in present.items()}
    yield kafka.partitioner(seen.records, lambda key, topic: partition_of_key(key, counts[topic]))
    yield stream.newest_record(None if seen.newest_at is None else seen.newest_at - time.time())


def _ask_identity(admin: AdminClient, name: str) -> "Future[TopicDescription]":
    return admin.describe_topics(TopicCollection([name]), request_timeout=_TIMEOUT)[name]


def _identity(asked: "Future[TopicDescription]", name: str) -> str:
    """The id of a topic; its name where the broker gives topics no id."""
    try:
        return str(asked.result().topic_id)
    except KafkaException:
        return name


def _ask_configuration(admin: AdminClient, kind: ResourceType, name: str) -> "Future[dict[str, ConfigEntry]]":
    resource = ConfigResource(kind, name)
    return admin.describe_configs([resource], request_timeout=_TIMEOUT)[resource]


def _configuration(asked: "Future[dict[str, ConfigEntry]]") -> dict[str, str] | None:
    try:
        found = asked.result()
    except KafkaException:
        return None
    return {key: entry.value for key, entry in found.items() if entry.value is not None}


def _read(brokers: Brokers, topics: Topics, seen: SeenKafka) -> None:
    """Read the log's end offsets, and the newest records of the log and of the change topic."""
    reading = {"group.id": "segue-doctor", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer({**brokers.config, **reading})
    try:
        places = []
        for name in (topics.transactions, topics.changes):
            topic = seen.topics[name]
            for partition in range(0 if topic is None else topic.partitions):
                low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=_TIMEOUT)
                if name == topics.transactions:
                    seen.ends[partition] = high
                places.append(TopicPartition(name, partition, max(low, high - _RECENT)))
        if places:
            consumer.assign(places)
            for message in _messages(consumer, len(places)):
                _remember(message, seen)
    finally:
        consumer.close()


def _messages(consumer: Consumer, partitions: int) -> Iterator[Message]:
    """Records until every partition's end, or until the time is over."""
    deadline = time.monotonic() + _READING_SECONDS
    while partitions and time.monotonic() < deadline:
        for message in islice(consumer.consume(500, timeout=0.5), 500):
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                partitions -= 1


def _remember(message: Message, seen: SeenKafka) -> None:
    topic, partition, offset, key = message.topic(), message.partition(), message.offset(), message.key()
    if key is not None and topic is not None and partition is not None and offset is not None:
        seen.records.append(KeyedRecord(topic, partition, offset, key if isinstance(key, bytes) else key.encode()))
    kind, moment = message.timestamp()
    if kind and moment > 0:
        seen.newest_at = max(seen.newest_at or 0.0, moment / 1_000)
