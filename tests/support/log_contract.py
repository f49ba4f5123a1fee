"""What the worker relies on in Kafka: the same tests run on the simulated log and on a real Apache Kafka."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import pytest
from confluent_kafka import KafkaError, KafkaException

from data.contract.change_row import ChangeRow
from data.kafka.record_writer import WriteError
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.changes_ahead import ChangesAhead
from stream_app.storage.outbox import ChangeKey

T = TypeVar("T")

SECONDS = 300.0


def change(customer: str, sequence: int) -> ChangeRow:
    """A customer's change at a position that does not matter."""
    return ChangeRow(sequence, customer, sequence, None, "x", "decay", sequence, 1, 1, 1, "m", None)


class KafkaUnderTest(Protocol):
    """A broker whose topics are new for each test: one partition of changes, and one of segments."""

    @property
    def changes(self) -> str:
        """The name of the change topic."""

    @property
    def segments(self) -> str:
        """The name of the segments topic."""

    def call(self, function: Callable[[], T]) -> T:
        """Call something that blocks."""

    def producer(self, name: str) -> Any:
        """A producer with a transactional id, ``confluent_kafka.Producer`` or what takes its place."""

    def writer(self) -> ChangeWriter:
        """The worker's own writer, not opened yet."""

    def committed(self, topic: str, is_open: bool = False) -> list[tuple[bytes | None, bytes | None]]:
        """Keys and values that a reader of committed records gets.

        ``is_open`` says that a Kafka transaction of the topic is open, which holds back what comes behind it.
        """

    def end(self, topic: str) -> int:
        """The end offset."""

    def behind(self, last_published: ChangeKey | None) -> ChangesAhead:
        """What the change topic holds behind a change."""

    def hold_next_end(self, requests: int) -> None:
        """Let the next EndTxn arrive after this many later requests; its sender repeats it meanwhile."""


class LogContract:
    """The tests. A subclass has a fixture ``kafka``."""

    def opened(self, kafka: KafkaUnderTest, name: str = "a") -> Any:
        producer = kafka.producer(name)
        kafka.call(lambda: producer.init_transactions(SECONDS))
        return producer

    def send(self, kafka: KafkaUnderTest, producer: Any, values: Sequence[bytes], topic: str = "") -> None:
        for value in values:
            producer.produce(topic or kafka.changes, value, b"k", 0)
        assert kafka.call(lambda: producer.flush(SECONDS)) == 0

    def values(self, kafka: KafkaUnderTest, is_open: bool = False) -> list[bytes | None]:
        return [value for _, value in kafka.committed(kafka.changes, is_open)]

    def test_records_of_a_transaction_are_seen_when_it_is_committed(self, kafka: KafkaUnderTest) -> None:
        producer = self.opened(kafka)
        producer.begin_transaction()
        self.send(kafka, producer, [b"1", b"2"])
        assert self.values(kafka, is_open=True) == []
        kafka.call(lambda: producer.commit_transaction(SECONDS))
        assert self.values(kafka) == [b"1", b"2"]

    def test_records_of_an_aborted_transaction_are_never_seen(self, kafka: KafkaUnderTest) -> None:
        producer = self.opened(kafka)
        producer.begin_transaction()
        self.send(kafka, producer, [b"1"])
        kafka.call(lambda: producer.abort_transaction(SECONDS))
        producer.begin_transaction()
        self.send(kafka, producer, [b"2"])
        kafka.call(lambda: producer.commit_transaction(SECONDS))
        assert self.values(kafka) == [b"2"]

    def test_a_transaction_marker_takes_an_offset_in_each_partition(self, kafka: KafkaUnderTest) -> None:
        producer = self.opened(kafka)
        producer.begin_transaction()
        self.send(kafka, producer, [b"1", b"2"])
        self.send(kafka, producer, [b"3"], kafka.segments)
        kafka.call(lambda: producer.commit_transaction(SECONDS))
        # The next transaction can begin only when all markers of this one are written.
        producer.begin_transaction()
        self.send(kafka, producer, [b"4"])
        assert (kafka.end(kafka.changes), kafka.end(kafka.segments)) == (4, 2)

    def test_an_open_transaction_holds_back_what_comes_behind_it(self, kafka: KafkaUnderTest) -> None:
        first, second = self.opened(kafka, "a"), self.opened(kafka, "b")
        first.begin_transaction()
        self.send(kafka, first, [b"1"])
        second.begin_transaction()
        self.send(kafka, second, [b"2"])
        kafka.call(lambda: second.commit_transaction(SECONDS))
        assert self.values(kafka, is_open=True) == []
        kafka.call(lambda: first.commit_transaction(SECONDS))
        assert self.values(kafka) == [b"1", b"2"]

    def test_a_later_producer_fences_the_earlier_one_and_ends_its_transaction(self, kafka: KafkaUnderTest) -> None:
        first = self.opened(kafka)
        first.begin_transaction()
        self.send(kafka, first, [b"1"])
        second = self.opened(kafka)
        with pytest.raises(KafkaException) as caught:
            kafka.call(lambda: first.commit_transaction(SECONDS))
        error = caught.value.args[0]
        assert (error.code(), error.fatal(), error.retriable()) == (KafkaError._FENCED, True, False)
        second.begin_transaction()
        self.send(kafka, second, [b"2"])
        kafka.call(lambda: second.commit_transaction(SECONDS))
        assert self.values(kafka) == [b"2"]

    def test_a_fenced_producer_begins_no_transaction(self, kafka: KafkaUnderTest) -> None:
        first = self.opened(kafka)
        self.opened(kafka)

        def publish() -> None:
            first.begin_transaction()
            first.produce(kafka.changes, b"1", b"k", 0)
            first.commit_transaction(SECONDS)

        with pytest.raises(KafkaException) as caught:
            kafka.call(publish)
        assert not caught.value.args[0].retriable()
        assert self.values(kafka) == []

    def test_the_writer_publishes_states_and_changes_together(self, kafka: KafkaUnderTest) -> None:
        writer = kafka.writer()
        kafka.call(writer.open)
        rows = [change("a", 1), change("b", 1), change("a", 2)]
        kafka.call(lambda: writer.write(rows, {}, "log"))
        assert [key for key, _ in kafka.committed(kafka.changes)] == [b"a", b"b", b"a"]
        assert [key for key, _ in kafka.committed(kafka.segments)] == [b"a", b"b"]

    def test_the_end_of_the_topic_shows_what_is_committed(self, kafka: KafkaUnderTest) -> None:
        writer = kafka.writer()
        kafka.call(writer.open)
        kafka.call(lambda: writer.write([change("a", 1)], {}, "log"))
        kafka.call(lambda: writer.write([change("a", 2), change("b", 1)], {}, "log"))
        kafka.call(lambda: writer.abort_hanging(b"a", b"{}"))
        kafka.call(writer.discard)
        kafka.call(kafka.writer().open)
        ahead = kafka.behind(ChangeKey("a", 1))
        assert (ahead.found, len(ahead), sorted(ahead.customers)) == (True, 2, ["a", "b"])
        assert not kafka.behind(ChangeKey("c", 1)).found

    @pytest.mark.parametrize("requests", [1, 2, 3])
    def test_a_late_end_may_commit_states_without_their_changes_but_no_change_without_its_state(
        self, kafka: KafkaUnderTest, requests: int
    ) -> None:
        writer = kafka.writer()
        kafka.call(writer.open)
        kafka.hold_next_end(requests)
        kafka.call(lambda: writer.write([change("a", 1)], {}, "log"))
        # It ends the next transaction too early: the rest is refused, or becomes a transaction of its own.
        with suppress(KafkaException, WriteError):
            kafka.call(lambda: writer.write([change("a", 2)], {}, "log"))
        kafka.call(writer.discard)
        kafka.call(kafka.writer().open)
        states, changes = (len(kafka.committed(topic)) for topic in (kafka.segments, kafka.changes))
        assert 1 <= changes <= states <= 2

    def test_a_late_end_is_refused_once_another_writer_is_open(self, kafka: KafkaUnderTest) -> None:
        writer = kafka.writer()
        kafka.call(writer.open)
        kafka.hold_next_end(1)
        kafka.call(lambda: writer.write([change("a", 1)], {}, "log"))
        successor = kafka.writer()
        kafka.call(successor.open)
        kafka.call(lambda: successor.write([change("a", 2)], {}, "log"))
        assert [key for key, _ in kafka.committed(kafka.changes)] == [b"a", b"a"]
