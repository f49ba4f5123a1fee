"""A partition's one way into the change topic: transactions of Kafka, under an id that only one writer can hold.

Whoever opens a writer shuts out everybody who had the partition before, and ends what they had under way. After that
the log tells for certain what has been published (``topic_end.py``). Changes and the customers' latest states become
visible together, or not at all, to readers of committed records.

Where a broker has no transactions, writers are idempotent, and can't shut each other out: then what a writer had under
way when it was lost may still arrive, and come twice.
"""

from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException, Producer

from data.contract.change_events import EVENT_HEADERS, change_event, segment_event
from data.contract.change_row import ChangeRow
from data.kafka.record_writer import Refusals, producer_config
from runtime.brokers import Brokers
from runtime.topics import Topics

# A broker ends what a writer that has gone silent has under way after this long; whoever takes over does so at once.
_TRANSACTION_MS = 30_000
_SECONDS = 10.0
_SLICE_SECONDS = 1.0


class ChangeWriter:
    """Writes a partition's changes. Its methods block, and are for one thread at a time; no use after an error."""

    def __init__(self, brokers: Brokers, topics: Topics, transactional: bool, partition: int) -> None:
        self._brokers = brokers
        self._topics = topics
        self._transactional = transactional
        self._partition = partition
        self._producer: Producer | None = None
        self._refusals = Refusals()
        self._closed = False

    def open(self) -> None:
        """Shut out other writers of the partition.

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
            shut_out = f"{self._topics.changes}-{self._partition}"
            config |= {"transactional.id": shut_out, "transaction.timeout.ms": _TRANSACTION_MS}
        self._producer = Producer(config)
        if self._transactional:
            self._patiently(self._producer.init_transactions)

    def write(self, rows: Sequence[ChangeRow], personas: Mapping[str, str]) -> None:
        """Publish changes in order, and the latest state of each customer: all of it or nothing.

        If a delayed commit of the previous Kafka transaction ends this one too early, its states may be published
        without its changes, but never a change without its state.

        Raises
        ------
        KafkaException
            If the broker can't be reached, or another writer has been opened; nobody knows then what was published.
        WriteError
            If the broker has refused a record for good.
        """
        assert self._producer is not None  # noqa: S101 - opened
        if self._transactional:
            self._producer.begin_transaction()
        latest = {row.customer_id: row for row in rows}
        for row in latest.values():
            self._send(self._topics.segments, row.customer_id, segment_event(row, personas))
        # librdkafka repeats an unanswered EndTxn under the same epoch, so the first one can still commit whatever the
        # broker has of this transaction when it arrives. The broker must have every state before the first change.
        self._patiently(self._flush)
        for row in rows:
            self._send(self._topics.changes, row.customer_id, change_event(row, personas))
        self._patiently(self._producer.commit_transaction if self._transactional else self._flush)

    def settle(self, key: bytes | None, value: bytes | None) -> None:
        """End what nobody else will: a transaction of an earlier writer whose end never came into the log.

        A broker that crashes after a commit was decided may forget, when it starts again, to write its marks; readers
        of committed records would wait there for ever. A transaction that is begun and aborted ends it, too, since
        both are of one producer to the broker, and what was in it is published again. ``key`` and ``value`` are what
        is in the new one. The marks come a moment after this returns.

        Open another writer before you publish: a delayed repeat of the abort could end this writer's next transaction.

        Raises
        ------
        KafkaException
            If the broker can't be reached, or another writer has been opened.
        """
        assert self._producer is not None  # noqa: S101 - opened
        self._producer.begin_transaction()
        self._producer.produce(self._topics.changes, value, key, self._partition, headers=EVENT_HEADERS)
        self._patiently(self._flush)
        self._patiently(self._producer.abort_transaction)

    def close(self) -> None:
        """Let go, soon, whatever is under way; may be called from another thread."""
        self._closed = True

    def discard(self) -> None:
        """Forget what was not sent, and the connection; what was under way stays invisible."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _send(self, topic: str, customer_id: str, event: bytes) -> None:
        assert self._producer is not None  # noqa: S101 - opened
        while True:
            try:
                self._producer.produce(topic, event, customer_id.encode(), self._partition, headers=EVENT_HEADERS)
            except BufferError:
                self._raise_closed()
                self._producer.poll(0.1)
            else:
                return

    def _flush(self, seconds: float) -> None:
        assert self._producer is not None  # noqa: S101 - opened
        try:
            left = self._producer.flush(seconds)
        except SystemError as error:
            # A fatal error, such as fencing, ends flush() between delivery reports; Python then hides it as the cause.
            raise error.__cause__ or error from None
        self._refusals.check()
        if left:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{left} records not delivered", retriable=True))

    def _patiently(self, call: Callable[[float], None]) -> None:
        """Call in slices of time, so that closing does not wait for a broker that is away."""
        for _ in range(int(_SECONDS / _SLICE_SECONDS)):
            self._raise_closed()
            try:
                call(_SLICE_SECONDS)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
            else:
                return
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the broker does not answer"))

    def _raise_closed(self) -> None:
        if self._closed:
            raise KafkaException(KafkaError(KafkaError._DESTROY, "the writer was closed"))
