"""A partition of a change topic in memory, with writers that can be slow, and that Kafka can fail."""

import threading
from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaError, KafkaException

from data.contract.change_events import change_event
from data.contract.change_row import ChangeRow
from stream_app.outbox.changes_ahead import ChangesAhead
from stream_app.outbox.topic_end import HangingTransactionError
from stream_app.storage.outbox import ChangeKey


class ChangeTopic:
    """What was published so far; ``fails`` is how often writing fails from now on, ``takes_no_writer`` opening.

    ``hanging`` are changes of a transaction without an end.
    """

    def __init__(self) -> None:
        self.rows: list[ChangeRow] = []
        self.fails = 0
        self.takes_no_writer = 0
        self.hanging: list[ChangeRow] = []
        self.may_write = threading.Event()
        self.may_write.set()

    @property
    def positions(self) -> list[int]:
        """Where what was published stands in the outbox."""
        return [row.position for row in self.rows]

    async def changes_behind(self, partition: int, mark: ChangeKey | None) -> ChangesAhead:
        """The published changes behind a change."""
        if self.hanging:
            raise HangingTransactionError(b"key", change_event(self.hanging[-1], {}))
        ahead = ChangesAhead(mark)
        for row in self.rows:
            ahead.add(change_event(row, {}))
        return ahead

    def writer(self, partition: int) -> "InMemoryWriter":
        """A way in."""
        return InMemoryWriter(self)


class InMemoryWriter:
    """Looks like :class:`stream_app.outbox.change_writer.ChangeWriter`."""

    def __init__(self, topic: ChangeTopic) -> None:
        self._topic = topic

    def open(self) -> None:
        """There is no other writer to fence."""
        if self._topic.takes_no_writer:
            self._topic.takes_no_writer -= 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "the broker is away"))

    def write(self, rows: Iterable[ChangeRow], personas: Mapping[str, str]) -> None:
        """Publish, once that is allowed."""
        self._topic.may_write.wait(10)
        if self._topic.fails:
            self._topic.fails -= 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "the broker was restarted"))
        self._topic.rows.extend(rows)

    def abort_hanging(self, key: bytes | None, value: bytes | None) -> None:
        """What hangs is aborted."""
        self._topic.hanging.clear()

    def close(self) -> None:
        """Nothing to let go of."""
        self._topic.may_write.set()

    def discard(self) -> None:
        """Nothing to forget."""
