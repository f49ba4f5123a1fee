"""The only writer of a partition of the change topic: Kafka transactions under the partition's own transactional id.

Opening a writer fences all former writers of the partition and ends their open transactions. After that the log shows
which changes are published (``topic_end.py``). Changes and the customers' latest states become visible together to
readers of committed records.

Where a broker has no Kafka transactions, writers are idempotent and can't fence each other. The records that a lost
writer had in flight may then still arrive, after its successor has published the same changes.
"""

from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException, Producer

from data.contract.change_events import EVENT_HEADERS
from data.contract.event_parts import Published
from data.kafka.record_writer import NewProducer, Refusals, producer_config
from runtime.brokers import Brokers
from runtime.topics import Topics
from stream_app.outbox.row_kinds import SEGMENT_CHANGES, AnyKind, Row

# The broker aborts the transaction of a writer that has been silent for this long; a successor aborts it at once.
_TRANSACTION_MS = 30_000
_CALL_SECONDS = 10.0
_SLICE_SECONDS = 1.0


class ChangeWriter:
    """Writes the changes of one partition, those of one ``kind``.

    The methods block; one thread at a time may call them, except :meth:`close`. After an exception the writer must be
    discarded.
    """

    def __init__(
        self,
        brokers: Brokers,
        topics: Topics,
        transactional: bool,
        partition: int,
        new_producer: NewProducer | None = None,
        kind: AnyKind = SEGMENT_CHANGES,
    ) -> None:
        self._brokers = brokers
        self._kind = kind
        self._topic, self._states_topic = kind.topic(topics), topics.segments
        self._transactional = transactional
        self._partition = partition
        self._new_producer = new_producer
        self._producer: Producer | None = None
        self._refusals = Refusals()
        self._closed = False

    def open(self) -> None:
        """Publishing, step 2: fence other writers of the partition.

        Raises
        ------
        KafkaException
            If the broker can't be reached.
        """
        config = producer_config(self._brokers) | {
            "message.timeout.ms": _TRANSACTION_MS,
            "on_delivery": self._refusals.note,
        }
        if self._transactional:
            transactional_id = f"{self._topic}-{self._partition}"
            config |= {"transactional.id": transactional_id, "transaction.timeout.ms": _TRANSACTION_MS}
        self._producer = (self._new_producer or Producer)(config)
        if self._transactional:
            self._retry(self._producer.init_transactions)

    def write(self, rows: Sequence[Row], personas: Mapping[str, str], log_id: str) -> None:
        """Publishing, step 6: publish changes in order, and the latest state of each customer if the kind has states.

        A tombstone takes the place of a forgotten customer's latest state. ``log_id`` is the log that the changes come
        from; the headers of changes and states have it.

        With Kafka transactions, readers of committed records see all of it or nothing. The one exception: if a delayed
        commit of the previous Kafka transaction ends this one too early, they may see its states without its changes,
        but never a change without its state.

        Raises
        ------
        KafkaException
            If the broker can't be reached, another writer has been opened, or the writer was closed. The changes may
            or may not be published then.
        WriteError
            If the broker refuses a record permanently.
        """
        assert self._producer is not None  # noqa: S101 - opened
        if self._transactional:
            self._producer.begin_transaction()
        states, changes = self._kind.encode(rows, personas, log_id)
        for state in states:
            self._send(self._states_topic, state)
        # librdkafka repeats an unanswered EndTxn under the same epoch, so the first one can still commit whatever the
        # broker has of this transaction when it arrives. The broker must have every state before the first change.
        self._retry(self._flush)
        for change in changes:
            self._send(self._topic, change)
        self._retry(self._producer.commit_transaction if self._transactional else self._flush)

    def abort_hanging(self, key: bytes | None, value: bytes | None) -> None:
        """Publishing, step 3: end a hanging transaction, one whose transaction marker is missing from the log.

        A broker that crashes after it has decided on a commit may forget to write the marker, and readers of committed
        records would wait for the marker forever. To the broker this writer is the same producer: an aborted
        transaction of this writer writes a marker that ends the hanging one, too. The changes of the hanging
        transaction are then published again. ``key`` and ``value`` are the content of the aborted record. The marker
        may appear in the log shortly after this method returns.

        Open another writer before you publish: a delayed repeat of the abort could end this writer's next transaction.

        Raises
        ------
        KafkaException
            If the broker can't be reached, or another writer has been opened.
        """
        assert self._producer is not None  # noqa: S101 - opened
        self._producer.begin_transaction()
        self._producer.produce(self._topic, value, key, self._partition, headers=EVENT_HEADERS)
        self._retry(self._flush)
        self._retry(self._producer.abort_transaction)

    def close(self) -> None:
        """Make the running call raise within about a second; any thread may call this."""
        self._closed = True

    def discard(self) -> None:
        """Drop unsent records and the connection; records of an open transaction stay invisible."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _send(self, topic: str, event: Published) -> None:
        assert self._producer is not None  # noqa: S101 - opened
        while True:
            try:
                key = event.customer_id.encode()
                self._producer.produce(topic, event.value, key, self._partition, headers=event.headers)
            except BufferError:
                self._raise_if_closed()
                self._call(self._producer.poll, 0.1)
            else:
                return

    def _flush(self, seconds: float) -> None:
        assert self._producer is not None  # noqa: S101 - opened
        left = self._producer.flush(seconds)
        self._refusals.check()
        if left:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{left} records not delivered", retriable=True))

    def _retry(self, call: Callable[[float], None]) -> None:
        """Repeat a call with short timeouts, so that :meth:`close` need not wait for an unavailable broker."""
        for _ in range(int(_CALL_SECONDS / _SLICE_SECONDS)):
            self._raise_if_closed()
            try:
                self._call(call, _SLICE_SECONDS)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
            else:
                return
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the broker does not answer"))

    def _call(self, call: Callable[[float], object], seconds: float) -> None:
        """Make a call during which delivery reports come in."""
        try:
            call(seconds)
        except SystemError as error:
            # A fatal error, such as fencing, ends a call between two reports. Python hides the error, or loses it.
            raise error.__cause__ or self._fatal_error() from None

    def _fatal_error(self) -> KafkaException:
        """The error after which the producer is of no use."""
        assert self._producer is not None  # noqa: S101 - opened
        try:
            if self._transactional:
                self._producer.begin_transaction()
        except KafkaException as error:
            return error
        return KafkaException(KafkaError(KafkaError._FATAL, "the producer has failed", fatal=True))

    def _raise_if_closed(self) -> None:
        if self._closed:
            raise KafkaException(KafkaError(KafkaError._DESTROY, "the writer was closed"))
