"""A webhook's progress in one partition: the next offset to read, and the offsets that wait for delivery. Pure.

Deliveries finish in another order than that of the topic, so one offset is not enough. With the waiting offsets a
restart delivers exactly those changes that have not been delivered.
"""

from data.postgres.webhooks import SavedOffset


class WebhookPartitionProgress:
    """The progress of reading and delivering one partition."""

    def __init__(self, saved: SavedOffset) -> None:
        self._next_offset = saved.next_offset
        self._waiting = set(saved.waiting)
        #: Offsets that waited when the process started, and have not been read again yet.
        self._to_read_again = set(saved.waiting)
        #: Number of waiting changes that the topic no longer contained after a restart.
        self.lost = 0

    @property
    def read_from(self) -> int:
        """The offset at which to start reading."""
        return min(self._to_read_again, default=self._next_offset)

    @property
    def saved(self) -> SavedOffset:
        """The progress to store."""
        return SavedOffset(self._next_offset, frozenset(self._waiting))

    def record(self, offset: int, chosen: bool) -> bool:
        """Record an offset that has been read; return whether its change has to be delivered."""
        gone = {earlier for earlier in self._to_read_again if earlier < offset}
        self._to_read_again -= gone
        self._waiting -= gone
        self.lost += len(gone)
        if offset < self._next_offset:
            waited = offset in self._to_read_again
            self._to_read_again.discard(offset)
            return waited
        self._next_offset = offset + 1
        if chosen:
            self._waiting.add(offset)
        return chosen

    def finish(self, offset: int) -> None:
        """Record that an offset needs no further delivery."""
        self._waiting.discard(offset)
