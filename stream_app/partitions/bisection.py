"""Finds the record that keeps a micro-batch from being applied, by halving the batch until the record is alone.

Only errors that a record can cause lead to a search. An unavailable Kafka or Postgres, a lock, a full disk, a missing
right or a missing column are never a record's fault: the partition waits until they are gone. Nor is an
impossible event in the partition's life.
"""

from dataclasses import dataclass

import psycopg

from stream_app.partition_life import LifeError
from stream_app.storage.claim import FencedError

#: A batch is halved, and a record that is alone becomes a dead letter, after this many failures.
TRIES = 2
#: When this many records in a row could not be applied, the cause is not the records: the partition waits for a person.
MOST_IN_A_ROW = 100

# Classes of SQLSTATE codes that a record can cause: cardinality, data, constraints, triggers, limits of the program,
# and internal errors, such as an allocation that is too large.
_SQLSTATES = ("09", "21", "22", "23", "44", "54", "P0", "XX")
_ELSEWHERE = (OSError, FencedError, LifeError, psycopg.OperationalError, psycopg.InterfaceError)


def blames_a_record(error: BaseException) -> bool:
    """Whether a record of the batch can be the cause of an error."""
    if isinstance(error, psycopg.Error):
        if error.sqlstate is None:
            return isinstance(error, psycopg.DataError)
        return error.sqlstate.startswith(_SQLSTATES)
    return isinstance(error, Exception) and not isinstance(error, _ELSEWHERE)


def in_one_line(error: BaseException) -> str:
    """The class and the first line of an error, printable, at most 300 characters."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)[:300]


@dataclass(slots=True)
class Bisection:
    """The search for one culprit at a time. Offsets from the next one up to ``_suspects_end`` are suspected."""

    _first: int = -1
    _tries: int = 0
    _tries_alone: int = 0
    _suspects_end: int = -1
    _reason: str = ""
    _rejected_in_a_row: int = 0

    @property
    def searching(self) -> bool:
        """Whether a batch has been halved, and its culprit has not been found yet."""
        return self._suspects_end >= 0

    @property
    def gave_up(self) -> bool:
        """Whether too many records in a row could not be applied for the cause to be the records."""
        return self._rejected_in_a_row >= MOST_IN_A_ROW

    def failed(self, first: int, end: int, error: BaseException) -> None:
        """The batch of the offsets from ``first`` up to ``end`` could not be applied."""
        if not blames_a_record(error):
            return
        if first != self._first:
            self._first, self._tries, self._tries_alone = first, 0, 0
        self._tries += 1
        self._tries_alone += end - first == 1
        self._reason = f"could not be applied: {in_one_line(error)}"
        if self.searching or self._tries >= TRIES:
            self._suspects_end = end

    def most_offsets(self, next_offset: int) -> int | None:
        """How many offsets the next batch may have: half of the suspected ones; None without a search."""
        return max((self._suspects_end - next_offset) // 2, 1) if self.searching else None

    def verdict(self, first: int, end: int) -> str | None:
        """Why the record that is alone in a batch is a dead letter; None if the batch is to be tried."""
        alone = end - first == 1 and first == self._first and self._tries_alone >= TRIES
        return self._reason if alone and not self.gave_up else None

    def committed(self, next_offset: int, rejected: bool) -> None:
        """A batch has been committed; ``rejected`` if its only record is a dead letter by a :meth:`verdict`."""
        self._first, self._tries, self._tries_alone = -1, 0, 0
        self._rejected_in_a_row = self._rejected_in_a_row + 1 if rejected else 0
        if rejected or next_offset >= self._suspects_end:
            self._suspects_end = -1
