"""Writing records to Kafka: how every producer is configured, and what becomes of records that a broker refuses."""

from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from data.kafka.partitioner import PARTITIONER
from runtime.brokers import Brokers
from runtime.topics import LARGEST_RECORD

Headers = list[tuple[str, str | bytes | None]]

# librdkafka's way to say: let the partitioner choose.
BY_KEY = -1
_FLUSH_SECONDS = 1.0
_POLL_SECONDS = 0.1


class WriteError(RuntimeError):
    """The broker can't be reached, or refuses what is written."""


def producer_config(brokers: Brokers) -> dict[str, Any]:
    """An idempotent producer that never gives up on a record by itself: nothing may be lost or reordered."""
    return {
        **brokers.config,
        "partitioner": PARTITIONER,
        "enable.idempotence": True,
        "message.timeout.ms": 0,
        "compression.type": "lz4",
        "linger.ms": 5,
        # How large is too large is for the broker to say, which sees what is left after compression.
        "message.max.bytes": LARGEST_RECORD,
        "delivery.report.only.error": True,
    }


class Refusals:
    """What a broker has refused for good: noted by the producer's callback, and raised for ever after."""

    def __init__(self) -> None:
        self._error: str | None = None

    def note(self, error: KafkaError | None, message: Message) -> None:
        """A delivery report."""
        if error is not None:
            self.add(message.topic() or "?", error)

    def add(self, topic: str, error: KafkaError) -> None:
        """A record of a topic has been refused."""
        self._error = f"{topic}: {error.str()}"

    def check(self) -> None:
        """Go on, if nothing has been refused.

        Raises
        ------
        WriteError
            If something has.
        """
        if self._error is not None:
            raise WriteError(self._error)


class RecordWriter:
    """Writes records in order; ``config`` is what is different from :func:`producer_config`."""

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
        """Queue a record, waiting for room.

        Raises
        ------
        WriteError
            If there is none, and the broker has refused a record.
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
        """Wait up to some seconds for the broker to have everything; returns how many records it still lacks.

        Raises
        ------
        WriteError
            If it has refused one.
        """
        waiting = int(self._producer.flush(seconds))
        self._refusals.check()
        return waiting

    def __len__(self) -> int:
        return len(self._producer)
