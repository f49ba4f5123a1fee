"""A partition's one way into the change topic: transactions of Kafka, under an id that only one writer can hold.

Whoever opens a writer shuts out everybody who had the partition before, and ends what they had under way. Changes, the
customers' latest states and a mark that says which change was the last one become visible together, or not at all. The
mark is a consumer group's offset, which Kafka can commit in the same transaction: it tells for certain what has been
published, whatever becomes of the records.

Where a broker has no transactions, writers are idempotent, and can't shut each other out; there the end of the topic
tells, and what a writer had under way when it was lost may still arrive, and come twice.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from data.brokers import Brokers
from data.record_writer import Refusals, producer_config
from data.topics import Topics
from stream_app.change_events import EVENT_HEADERS, change_event, segment_event
from stream_app.changes import ChangeRow
from stream_app.published import Published
from stream_app.topic_end import last_record

# A broker ends what a writer that has gone silent has under way after this long; whoever takes over does so at once.
# While there is no broker, the librdkafka call that marks takes as long, whatever it is asked for.
_TRANSACTION_MS = 10_000
_SECONDS = 10.0
_READ_SECONDS = 3.0
_SLICE_SECONDS = 1.0


class ChangeWriter:
    """Writes a partition's changes. Its methods block, and are for one thread at a time; no use after an error."""

    def __init__(self, brokers: Brokers, topics: Topics, transactional: bool, partition: int) -> None:
        self._brokers = brokers
        self._topics = topics
        self._transactional = transactional
        self._partition = partition
        self._producer: Producer | None = None
        self._marks: Consumer | None = None
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
        if not self._transactional:
            self._producer = Producer(config)
            return
        shut_out = f"{self._topics.changes}-{self._partition}"
        config |= {"transactional.id": shut_out, "transaction.timeout.ms": _TRANSACTION_MS}
        self._producer = Producer(config)
        self._patiently(self._producer.init_transactions)
        # Never a member of the group: it only lends its offsets, and its committed ones are those that are certain.
        group = {"group.id": f"{self._topics.changes}-published", "isolation.level": "read_committed"}
        self._marks = Consumer({**self._brokers.config, **group, "enable.auto.commit": False})

    def last(self) -> Published | None:
        """The change that was published last; None if that is not known.

        It is not where nothing ever was, and where Kafka has forgotten the mark, as it does after a week without any
        change (``offsets.retention.minutes``).

        Raises
        ------
        KafkaException
            If the broker can't be reached.
        msgspec.MsgspecError
            If what is there was not written by Segue.
        """
        if self._marks is None:
            record = last_record(self._brokers, self._topics.changes, self._partition)
            return None if record is None else Published.by_event(record)
        (mark,) = self._marks.committed([TopicPartition(self._topics.changes, self._partition)], timeout=_READ_SECONDS)
        if mark.error is not None:
            raise KafkaException(mark.error)
        if mark.offset == OFFSET_INVALID:
            return None
        return msgspec.json.decode(mark.metadata or "", type=Published)

    def write(self, rows: Iterable[ChangeRow], personas: Mapping[str, str]) -> None:
        """Publish changes in order, and the latest state of each customer: all of it or nothing.

        Raises
        ------
        KafkaException
            If the broker can't be reached, or another writer has been opened; nobody knows then what was published.
        WriteError
            If a broker without transactions has refused a record for good.
        """
        assert self._producer is not None  # noqa: S101 - opened
        if self._transactional:
            self._producer.begin_transaction()
        latest: dict[str, ChangeRow] = {}
        row = None
        for row in rows:
            self._send(self._topics.changes, row.customer_id, change_event(row, personas))
            latest[row.customer_id] = row
        for state in latest.values():
            self._send(self._topics.segments, state.customer_id, segment_event(state, personas))
        if not self._transactional:
            self._patiently(self._flush)
            return
        if row is not None:
            self._mark(row)
        self._patiently(self._producer.commit_transaction)

    def close(self) -> None:
        """Let go, soon, whatever is under way; may be called from another thread."""
        self._closed = True

    def discard(self) -> None:
        """Forget what was not sent, and the connection; what was under way stays invisible."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None
        if self._marks is not None:
            self._marks.close()
            self._marks = None

    def _mark(self, row: ChangeRow) -> None:
        assert self._producer is not None  # noqa: S101 - opened
        assert self._marks is not None  # noqa: S101 - transactional
        words = msgspec.json.encode(Published.by_row(row)).decode()
        mark = TopicPartition(self._topics.changes, self._partition, row.position, metadata=words)
        self._raise_closed()
        self._producer.send_offsets_to_transaction([mark], self._marks.consumer_group_metadata(), _SECONDS)

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
        left = self._producer.flush(seconds)
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
