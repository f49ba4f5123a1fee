"""A partition of a change topic, or of a topic of risk changes, in memory, with writers that tests can make fail."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from stream_app.outbox.changes_ahead import ChangesAhead
from stream_app.outbox.row_kinds import SEGMENT_CHANGES, AnyKind
from stream_app.outbox.topic_end import HangingTransactionError
from stream_app.storage.outbox import ChangeKey


class ChangeTopic:
    """The published changes, and the log id that each was published with.

    The next ``fails`` writes and the next ``failing_openings`` attempts to open a writer will fail. ``hanging`` holds
    the changes of an open Kafka transaction.
    """

    def __init__(self, kind: AnyKind = SEGMENT_CHANGES) -> None:
        self._kind = kind
        self.rows: list[Any] = []
        self.log_ids: list[str] = []
        self.fails = 0
        self.failing_openings = 0
        self.hanging: list[Any] = []
        self.aborted: list[Any] = []
        self.may_write = threading.Event()
        self.may_write.set()

    @property
    def positions(self) -> list[int]:
        """The positions of the published changes."""
        return [row.position for row in self.rows]

    async def changes_behind(self, partition: int, last_published: ChangeKey | None) -> ChangesAhead:
        """The published changes behind a change."""
        if self.hanging:
            raise HangingTransactionError(b"key", self._event(self.hanging[-1]))
        ahead = ChangesAhead(last_published, self._kind)
        for row in self.rows:
            if not row.is_tombstone:
                ahead.add(self._event(row))
        ahead.add_aborted([self._event(row) for row in self.aborted])
        return ahead

    def _event(self, row: Any) -> bytes | None:
        _, (event,) = self._kind.encode([row], {}, "log")
        return event.value

    def writer(self, partition: int) -> "InMemoryWriter":
        """A writer for the partition."""
        return InMemoryWriter(self)


class InMemoryWriter:
    """A fake of :class:`stream_app.outbox.change_writer.ChangeWriter`."""

    def __init__(self, topic: ChangeTopic) -> None:
        self._topic = topic

    def open(self) -> None:
        """There is no other writer to fence."""
        if self._topic.failing_openings:
            self._topic.failing_openings -= 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "the broker is not available"))

    def write(self, rows: Iterable[Any], personas: Mapping[str, str], log_id: str) -> None:
        """Publish once ``may_write`` is set."""
        self._topic.may_write.wait(300)
        if self._topic.fails:
            self._topic.fails -= 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "the broker was restarted"))
        written = list(rows)
        self._topic.rows.extend(written)
        self._topic.log_ids.extend([log_id] * len(written))

    def abort_hanging(self, key: bytes | None, value: bytes | None) -> None:
        """Abort the open Kafka transaction."""
        self._topic.aborted, self._topic.hanging = self._topic.hanging, []

    def close(self) -> None:
        """Nothing to close."""
        self._topic.may_write.set()

    def discard(self) -> None:
        """Nothing to reset."""
