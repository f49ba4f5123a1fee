"""Writing the transactions topic: transactions by key, ticks and models to every partition."""

from datetime import datetime

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from data.brokers import Brokers
from data.dead_letters import DeadLetter
from data.partitions import PARTITIONER
from data.topics import LARGEST_RECORD
from data.wire import ModelActivation, Tick
from models.segment_model import SegmentModel

Headers = list[tuple[str, str | bytes | None]]

_QUEUE_KILOBYTES = 64 * 1024
# librdkafka's way to say: let the partitioner choose.
_BY_KEY = -1


class WriteError(RuntimeError):
    """The broker can't be reached, or refuses what is written."""


class LogWriter:
    """An idempotent producer for one transactions topic."""

    def __init__(self, brokers: Brokers, topic: str, partitions: int) -> None:
        self._topic = topic
        self._partitions = partitions
        self._error: str | None = None
        self._producer = Producer(
            {
                **brokers.config,
                "partitioner": PARTITIONER,
                "enable.idempotence": True,
                "compression.type": "zstd",
                "linger.ms": 20,
                "batch.size": 256 * 1024,
                "queue.buffering.max.kbytes": _QUEUE_KILOBYTES,
                # How large is too large is for the broker to say, which sees what is left after compression.
                "message.max.bytes": LARGEST_RECORD,
                "message.timeout.ms": 0,
                "delivery.report.only.error": True,
                # What goes wrong shows as lag that does not fall; a line per attempt to connect helps nobody.
                "log_level": 2,
            }
        )

    def transaction(self, key: bytes, value: bytes) -> None:
        """Append an encoded transaction to its customer's partition."""
        self._produce(value, key, _BY_KEY)

    def tick(self, at: datetime) -> None:
        """Tell every partition that everything up to a moment has been sent."""
        self._broadcast(msgspec.json.encode(Tick(at)))

    def activate(self, model: SegmentModel) -> None:
        """Put a model in force on every partition, from this point of the log on."""
        self._broadcast(msgspec.json.encode(ModelActivation(model)))

    def put_back(self, letter: DeadLetter) -> None:
        """Append a dead letter's original bytes: to its customer's partition, or where it was if it has no key."""
        partition = letter.partition if letter.key is None else _BY_KEY
        place = f"{letter.log_id}/{letter.partition}/{letter.offset}"
        self._produce(letter.value, letter.key, partition, [("segue-retry-of", place.encode())])

    def flush(self, seconds: float) -> int:
        """Wait up to some seconds for the broker to have everything; returns how many records it still lacks.

        Raises
        ------
        WriteError
            If it has refused one.
        """
        waiting = int(self._producer.flush(seconds))
        self._raise_refused()
        return waiting

    def __len__(self) -> int:
        return len(self._producer)

    def _broadcast(self, value: bytes) -> None:
        for partition in range(self._partitions):
            self._produce(value, None, partition)

    def _produce(self, value: bytes | None, key: bytes | None, partition: int, headers: Headers | None = None) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key, partition, on_delivery=self._on_error, headers=headers)
            except BufferError:
                self._producer.poll(0.05)
                self._raise_refused()
            else:
                return

    def _on_error(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._error = f"{message.topic()}: {error.str()}"

    def _raise_refused(self) -> None:
        if self._error is not None:
            raise WriteError(self._error)
