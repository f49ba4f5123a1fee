"""Writing records to Kafka: the configuration of every producer, and errors for records that a broker refuses."""

from collections.abc import Callable
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from data.kafka.partitioner import PARTITIONER
from runtime.brokers import Brokers
from runtime.errors import SegueError
from runtime.topics import LARGEST_RECORD

Headers = list[tuple[str, str | bytes | None]]
NewProducer = Callable[[dict[str, Any]], Producer]
"""Creates a producer with a configuration."""
Delivered = Callable[[int, int], None]
"""Receives the partition and the offset of a record that the broker has; the offset is negative if it is unknown."""

# librdkafka's number for a partition that the partitioner chooses.
BY_KEY = -1
_FLUSH_SECONDS = 1.0
_POLL_SECONDS = 0.1


_TOO_LARGE = KafkaError.MSG_SIZE_TOO_LARGE


class WriteError(SegueError):
    """The broker can't be reached, or it refuses a record."""


class TooLargeError(WriteError):
    """The broker refuses a record because of its size.

    ``key`` and ``value`` are those of the record. A broker refuses whole batches; then it is the largest record.
    """

    def __init__(self, topic: str, key: bytes | None, value: bytes) -> None:
        super().__init__(
            f"{topic}: the broker refuses a record of {len(value):,} bytes: raise max.message.bytes of the topic"
        )
        self.topic, self.key, self.value = topic, key, value


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
    """Remembers that a broker has refused a record permanently, and raises the error at every later check."""

    def __init__(self) -> None:
        self._error: WriteError | None = None

    def note(self, error: KafkaError | None, message: Message) -> None:
        """Handle a delivery report of the producer."""
        if error is not None and error.code() == _TOO_LARGE:
            self.add_too_large(message.topic() or "?", message.key(), message.value() or b"")
        elif error is not None:
            self.add(message.topic() or "?", error)

    def add(self, topic: str, error: KafkaError) -> None:
        """Remember that a record for a topic has been refused."""
        # The size of one record explains why the broker refuses those of its batch.
        if not isinstance(self._error, TooLargeError):
            self._error = WriteError(f"{topic}: {error.str()}")

    def add_too_large(self, topic: str, key: str | bytes | None, value: str | bytes) -> None:
        """Remember that a record has been refused because of its size."""
        known = self._error
        if not isinstance(known, TooLargeError) or len(value) > len(known.value):
            self._error = TooLargeError(topic, _as_bytes(key), _as_bytes(value) or b"")

    def check(self) -> None:
        """Return if no record has been refused.

        Raises
        ------
        WriteError
            If a record has been refused.
        """
        if self._error is not None:
            raise self._error


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
        delivered: Delivered | None = None,
    ) -> None:
        """Queue a record; wait while the queue is full.

        ``delivered`` is called during a later call of the writer, if the configuration has
        ``delivery.report.only.error`` switched off.

        Raises
        ------
        WriteError
            If the queue is full and the broker has refused a record, or the record exceeds the producer's own limit.
        """
        report = self._refusals.note if delivered is None else partial(self._report, delivered)
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=report, headers=headers)
            except BufferError:
                self._producer.poll(_POLL_SECONDS)
                self._refusals.check()
            except KafkaException as error:
                if error.args[0].code() != _TOO_LARGE:
                    raise
                raise TooLargeError(topic, key, value or b"") from error
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

    def _report(self, delivered: Delivered, error: KafkaError | None, message: Message) -> None:
        self._refusals.note(error, message)
        partition, offset = message.partition(), message.offset()
        if error is None and partition is not None:
            delivered(partition, -1 if offset is None else offset)


def _as_bytes(text: str | bytes | None) -> bytes | None:
    return text.encode() if isinstance(text, str) else text
