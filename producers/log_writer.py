"""Writing the transactions topic: transactions by key, ticks and models to every partition."""

import time
from collections.abc import Mapping
from datetime import datetime

import msgspec

from data.contract.control import signed
from data.contract.wire import Erasure, Identifiers, ModelActivation, Tick
from data.kafka.partitioner import partition_of
from data.kafka.record_writer import BY_KEY, Headers, RecordWriter, TooLargeError, WriteError
from data.postgres.dead_letters import StoredDeadLetter
from models.segment_model import SegmentModel
from producers.offset_runs import Placed
from runtime.brokers import Brokers
from runtime.errors import Hint

_QUEUE_KILOBYTES = 64 * 1024


class LogWriter:
    """An idempotent producer for one transactions topic.

    With a ``control_key`` it signs ticks, models and erasures, as workers with that key require.
    """

    def __init__(self, brokers: Brokers, topic: str, partitions: int, control_key: bytes | None = None) -> None:
        self._brokers = brokers
        self._topic = topic
        self._control_key = control_key
        self._partitions = partitions
        #: Where the broker has put the records of this writer.
        self.placed = Placed()
        self.reconnect()

    def reconnect(self) -> None:
        """Continue with a new producer, after a flush; a broker that was restored refuses records of an older one."""
        self._writer = RecordWriter(
            self._brokers,
            {
                "compression.type": "zstd",
                "linger.ms": 20,
                "batch.size": 256 * 1024,
                "queue.buffering.max.kbytes": _QUEUE_KILOBYTES,
                # Without this, librdkafka logs every failed attempt to connect. The lag shows that the broker is away.
                "log_level": 2,
                # What becomes of a record is found out by its offset.
                "delivery.report.only.error": False,
            },
        )

    def transaction(self, key: bytes, value: bytes) -> None:
        """Append an encoded transaction to its customer's partition.

        Raises
        ------
        WriteError
            If the broker has refused a record.
        """
        try:
            self._writer.write(self._topic, value, key, delivered=self.placed.transaction)
        except TooLargeError as error:
            raise _too_large(error) from error

    def tick(self, at: datetime) -> None:
        """Ticks, step 1: append a tick to every partition; everything up to its moment has been sent."""
        self._broadcast(msgspec.json.encode(Tick(at)))

    def activate(self, model: SegmentModel, newest: Mapping[int, int] | None = None) -> None:
        """Append a model to every partition: it is active from its record on.

        ``newest`` is the number of each partition's newest signed model, so that a clock that is behind the one of the
        last producer does no harm.
        """
        self._broadcast(msgspec.json.encode(ModelActivation(model)), newest)

    def erase(self, customer_id: str) -> int:
        """Append the erasure of a customer to the customer's partition; returns the partition."""
        partition = partition_of(customer_id, self._partitions)
        value, key = msgspec.json.encode(Erasure(customer_id)), customer_id.encode()
        self._writer.write(self._topic, value, key, self._signed(partition, value, 0), partition)
        return partition

    def requeue(self, letter: StoredDeadLetter) -> None:
        """Append a dead letter's original bytes to its customer's partition; without a key, to the one it was in.

        A tick or a model is not signed: its producer has to send it again.
        """
        partition = letter.partition if letter.key is None else BY_KEY
        place = f"{letter.log_id}/{letter.partition}/{letter.offset}"
        headers: Headers = [("segue-retry-of", place.encode())]
        self._writer.write(self._topic, letter.value, letter.key, headers, partition)

    def flush(self, seconds: float) -> int:
        """Wait up to ``seconds`` until the broker has all records; returns how many it does not have yet.

        Raises
        ------
        WriteError
            If the broker has refused a record.
        """
        try:
            return self._writer.flush(seconds)
        except TooLargeError as error:
            raise _too_large(error) from error

    def __len__(self) -> int:
        return len(self._writer)

    def _broadcast(self, value: bytes, newest: Mapping[int, int] | None = None) -> None:
        for partition in range(self._partitions):
            headers = self._signed(partition, value, (newest or {}).get(partition, 0))
            self._writer.write(self._topic, value, None, headers, partition, self.placed.control_record)

    def _signed(self, partition: int, value: bytes, newest: int) -> Headers | None:
        if self._control_key is None:
            return None
        number = max(time.time_ns() // 1_000, newest + 1)
        return [*signed(self._control_key, self._topic, partition, number, value)]


def _too_large(error: TooLargeError) -> WriteError:
    """The same error with the name of the invoice, if the record is one."""
    try:
        ids = msgspec.json.decode(error.value, type=Identifiers)
    except msgspec.MsgspecError:
        return error
    return WriteError(
        f"the broker refuses invoice {ids.transaction_id} of customer {ids.customer_id}: its record has "
        f"{len(error.value):,} bytes before compression, more than max.message.bytes of the topic {error.topic} allows",
        Hint.RAISE_THE_LIMIT,
    )
