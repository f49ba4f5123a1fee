"""Writing records to Kafka: the configuration of every producer, and errors for records that a broker refuses."""

from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from data.kafka.partitioner import PARTITIONER
from runtime.brokers import Brokers
from runtime.errors import SegueError
from runtime.topics import LARGEST_RECORD

Headers = list[tuple[str, str | bytes | None]]

# librdkafka's number for a partition that the partitioner chooses.
BY_KEY = -1
_FLUSH_SECONDS = 1.0
_POLL_SECONDS = 0.1


class WriteError(SegueError):
    """The broker can't be reached, or it refuses a record."""


def producer_config(brokers: Brokers) -> dict[str, Any]:
    """The configuration of an idempotent producer without a delivery timeout, so that it loses and reorders nothing."""
    return {
        **brokers.config,
        "partitioner": PARTITIONER,
        "enable.idempotence": True,
        "message.timeout.ms": 0,
        "compression.type": "lz4",
        "linger.ms": 5,
        # The limit of the broker decides: it applies after compression, this one before.
        "message.max.bytes": LARGEST_RECORD,
        "delivery.report.only.error": True,
    }


class Refusals:
    """Remembers that a broker has refused a record for good, and raises the error at every later check."""

    def __init__(self) -> None:
        self._error: str | None = None

    def note(self, error: KafkaError | None, message: Message) -> None:
        """Handle a delivery report of the producer."""
        if error is not None:
            self.add(message.topic() or "?", error)

    def add(self, topic: str, error: KafkaError) -> None:
        """Remember that a record for a topic has been refused."""
        self._error = f"{topic}: {error.str()}"

    def check(self) -> None:
        """Return if no record has been refused.

        Raises
        ------
        WriteError
            If a record has been refused.
        """
        if self._error is not None:
            raise WriteError(self._error)


class RecordWriter:
    """Writes records in order; ``config`` overrides single options of :func:`producer_config`."""

    def __init__(self, brokers: Brokers, config: dict[str, Any] | None = None) -> None:
        self._producer = Producer(producer_config(brokers) | (config or {}))
        self._refusals = Refusals()

    def write(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        headers: Headers | None = None,
        partition: int = BY_KEY,
    ) -> None:
        """Queue a record; wait while the queue is full.

        Raises
        ------
        WriteError
            If the queue is full and the broker has refused a record.
        """
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=self._refusals.note, headers=headers)
            except BufferError:
                self._producer.poll(_POLL_SECONDS)
                self._refusals.check()
            else:
                return

    def flush(self, seconds: float = _FLUSH_SECONDS) -> int:
        """Wait up to ``seconds`` until the broker has all records; returns how many it does not have yet.

        Raises
        ------
        WriteError
            If the broker has refused a record.
        """
        waiting = int(self._producer.flush(seconds))
        self._refusals.check()
        return waiting

    def __len__(self) -> int:
        return len(self._producer)
