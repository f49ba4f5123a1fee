"""How far a webhook has come in one partition: up to where it has read, and what of that waits for its delivery. Pure.

Deliveries end in another order than that of the log, so one offset can't say it all. With the offsets that wait, a
restart delivers those, and nothing that has already arrived.
"""

from data.postgres.webhooks import SavedOffset


class Position:
    """Where reading and deliveries of a partition stand."""

    def __init__(self, reached: SavedOffset) -> None:
        self._next_offset = reached.next_offset
        self._waiting = set(reached.waiting)
        #: Of those that waited when we started, the ones that have yet to be read again.
        self._to_read_again = set(reached.waiting)
        #: Changes that waited, and were gone from the topic when they were to be read again.
        self.lost = 0

    @property
    def read_from(self) -> int:
        """The offset to begin reading at."""
        return min(self._to_read_again, default=self._next_offset)

    @property
    def reached(self) -> SavedOffset:
        """What to store."""
        return SavedOffset(self._next_offset, frozenset(self._waiting))

    def take(self, offset: int, chosen: bool) -> bool:
        """Take note of a record that has been read; whether it is to be delivered."""
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

    def settle(self, offset: int) -> None:
        """Take note of a record that needs nothing more."""
        self._waiting.discard(offset)
