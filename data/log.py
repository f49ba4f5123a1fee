"""The log as the broker tells it: which log this is, how many partitions it has, and how far it reaches."""

from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

_TIMEOUT = 10.0


class LogError(RuntimeError):
    """The broker or the topic is not there; the message says what to do."""


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """A topic's partitions, and an id that changes when the topic is made anew."""

    log_id: str
    partitions: int


class Log:
    """Reads a topic's metadata and ends."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._topic = topic
        self._bootstrap_servers = bootstrap_servers
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "segue-log-reader",
                "log.connection.close": False,
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
        except KafkaException as error:
            raise LogError(
                f"can't reach a broker at {self._bootstrap_servers} ({error.args[0].str()}); "
                "is one running? Set SEGUE_BOOTSTRAP_SERVERS, or start `segue up`"
            ) from error
        partitions = len(metadata.topics[self._topic].partitions)
        if not partitions:
            raise LogError(f"the broker at {self._bootstrap_servers} has no topic {self._topic}")
        return LogIdentity(log_id or f"{metadata.cluster_id}/{self._topic_id()}", partitions)

    def ends(self, partitions: int) -> list[int]:
        """The offset that the next record of each partition will get.

        Raises
        ------
        LogError
            If the broker can't be reached.
        """
        try:
            return [
                self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=_TIMEOUT)[1]
                for partition in range(partitions)
            ]
        except KafkaException as error:
            raise LogError(f"can't reach a broker at {self._bootstrap_servers}: {error.args[0].str()}") from error

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _topic_id(self) -> str:
        admin = AdminClient({"bootstrap.servers": self._bootstrap_servers})
        described = admin.describe_topics(TopicCollection([self._topic]), request_timeout=_TIMEOUT)
        try:
            return str(described[self._topic].result().topic_id)
        except KafkaException:
            return self._topic


def create_topics(bootstrap_servers: str, topics: dict[str, dict[str, str]], partitions: int) -> None:
    """Create topics that are missing, with their configuration; a broker that can't is left to its own ways.

    Raises
    ------
    LogError
        If the broker refuses.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    new = [NewTopic(topic, num_partitions=partitions, config=config) for topic, config in topics.items()]
    for topic, created in admin.create_topics(new, request_timeout=_TIMEOUT).items():
        try:
            created.result()
        except KafkaException as error:
            if error.args[0].name() not in ("TOPIC_ALREADY_EXISTS", "_UNSUPPORTED_FEATURE"):
                raise LogError(f"can't create topic {topic}: {error.args[0].str()}") from error
