"""What a partition of the log holds now: its topic's id, its offsets, and the record that was applied last."""

import time
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from data.kafka.log import MissingTopicError, UnreachableError, topic_id, unreachable
from runtime.brokers import Brokers
from runtime.record_fingerprint import RecordFingerprint, fingerprint

_TIMEOUT = 10.0
_RECORD_SECONDS = 5.0
_POLL_SECONDS = 0.5


class UndeliveredError(UnreachableError):
    """The broker answers, but did not deliver a record in time."""


@dataclass(frozen=True, slots=True)
class PartitionLog:
    """A partition of the log as the broker describes it.

    Attributes
    ----------
    log_id, partitions
        The identity of the log, and its number of partitions.
    first_offset, end_offset
        The offset of the first record that is there, and the end offset.
    record
        The first record from the offset on that was asked for; None if there is none, or none was asked for.
    """

    log_id: str
    partitions: int
    first_offset: int
    end_offset: int
    record: RecordFingerprint | None = None


class PartitionLogReader:
    """Asks the broker about partitions of one topic. Any thread may call it.

    ``log_id`` replaces the identity that the broker reports.
    """

    def __init__(self, brokers: Brokers, topic: str, log_id: str | None) -> None:
        self._brokers = brokers
        self._topic = topic
        self._log_id = log_id

    def read(self, partition: int, offset: int | None = None) -> PartitionLog:
        """The state of a partition, and the fingerprint of its record at an offset.

        Raises
        ------
        UnreachableError
            If the broker does not answer; an UndeliveredError if only the record did not arrive.
        MissingTopicError
            If the topic does not exist.
        """
        # A client that knew the broker before it was restored may wait for what the broker no longer has.
        consumer = self._connect()
        try:
            return self._read(consumer, partition, offset)
        except KafkaException as error:
            raise unreachable(self._brokers, error) from error
        finally:
            consumer.close()

    def _read(self, consumer: Consumer, partition: int, offset: int | None) -> PartitionLog:
        metadata = consumer.list_topics(self._topic, timeout=_TIMEOUT)
        partitions = len(metadata.topics[self._topic].partitions)
        if not partitions:
            raise MissingTopicError(f"the broker at {self._brokers} has no topic {self._topic}")
        log_id = self._log_id or f"{metadata.cluster_id}/{topic_id(self._brokers, self._topic)}"
        place = TopicPartition(self._topic, partition)
        first, end = consumer.get_watermark_offsets(place, timeout=_TIMEOUT)
        record = None
        if offset is not None and first <= offset < end:
            record = self._record(consumer, TopicPartition(self._topic, partition, offset))
        return PartitionLog(log_id, partitions, first, end, record)

    def _connect(self) -> Consumer:
        own = {
            "group.id": "segue-log-reader",
            "allow.auto.create.topics": False,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            # The end offset then is the high watermark, which an open Kafka transaction does not hold back.
            "isolation.level": "read_uncommitted",
            # One record is enough.
            "fetch.message.max.bytes": 16_384,
        }
        return Consumer({**self._brokers.config, **own})

    def _record(self, consumer: Consumer, place: TopicPartition) -> RecordFingerprint | None:
        """The first record from an offset on."""
        consumer.assign([place])
        deadline = time.monotonic() + _RECORD_SECONDS
        while time.monotonic() < deadline:
            message = consumer.poll(_POLL_SECONDS)
            # An error may concern the group, which this client does not need, or pass.
            if message is not None and message.error() is None:
                return fingerprint_of(message)
        raise UndeliveredError(f"the broker did not deliver the record at offset {place.offset} of {place.topic}")


def fingerprint_of(message: Message) -> RecordFingerprint:
    """The fingerprint of a record that this client has read."""
    return fingerprint(message.offset() or 0, message.timestamp()[1], message.key(), message.value())
