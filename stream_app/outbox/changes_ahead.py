"""Publishing, steps 3 and 4: the changes that the topic holds behind the published position that Postgres has stored.

Normally they are the changes of the last moments, whose published position was not stored any more. After Postgres was
restored to an older copy they are all the changes that it has forgotten. The log makes it commit them again, each
customer's in the same order and with the same content, but customers may be in another order: which changes are
published follows from customers and sequences, not from positions.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from msgspec import MsgspecError

from stream_app.outbox.row_kinds import SEGMENT_CHANGES, AnyKind, Content, Row
from stream_app.storage.outbox import ChangeKey, PublishedChange

# The digest of a change that the topic should have and does not have.
_MISSING = 0


class Held(Enum):
    """Whether the topic holds a change: not at all, with the same content, or with another content."""

    NO = auto()
    SAME = auto()
    DIFFERENT = auto()


@dataclass(slots=True)
class _Digests:
    """Digests of one customer's changes, whose sequences follow each other from ``first`` on."""

    first: int
    values: "array[int]" = field(default_factory=lambda: array("q"))

    @property
    def end(self) -> int:
        return self.first + len(self.values)


class ChangesAhead:
    """The changes of a partition of the topic behind the ``last_published`` one; all changes if that is None.

    Holds 8 bytes for each change, and about 300 for each of their customers. Add the records in the order of the topic.

    Attributes
    ----------
    found
        Whether the last published change was among the added changes.
    last
        The last change that was added.
    foreign
        How many added records are not changes that this version can read.
    withdrawn
        The first change of the aborted Kafka transaction that the last published change was in, if it was in one: the
        transaction was hanging when its changes were taken for published.
    """

    def __init__(self, last_published: ChangeKey | None, kind: AnyKind = SEGMENT_CHANGES) -> None:
        self.last_published = last_published
        self._kind = kind
        self.found = last_published is None
        self.last: PublishedChange | None = None
        self.foreign = 0
        self.withdrawn: PublishedChange | None = None
        self._customers: dict[str, _Digests] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def customers(self) -> Iterator[str]:
        """The customers of these changes."""
        return iter(self._customers)

    def add(self, event: bytes | None) -> None:
        """Add the next record of the topic."""
        change = self._read(event)
        if change is None:
            self.foreign += 1
            return
        self.last = change
        if (change.customer_id, change.sequence) == self.last_published:
            self.found = True
            self._customers.clear()
            self._count = 0
            return
        digests = self._customers.get(change.customer_id)
        if digests is None:
            digests = self._customers[change.customer_id] = _Digests(change.sequence)
        missing = change.sequence - digests.end
        if missing >= 0:
            digests.values.extend([_MISSING] * missing)
            digests.values.append(_digest(self._kind.content_of_event(change)))
            self._count += missing + 1

    def add_aborted(self, events: Sequence[bytes | None]) -> None:
        """Add the records of an aborted Kafka transaction."""
        changes = [change for event in events if (change := self._read(event)) is not None]
        if any((change.customer_id, change.sequence) == self.last_published for change in changes):
            self.withdrawn = changes[0]

    def last_sequence(self, customer_id: str) -> int:
        """The highest sequence of a customer's changes here; 0 without one."""
        digests = self._customers.get(customer_id)
        return 0 if digests is None else digests.end - 1

    def drop(self, customer_id: str, sequence: int) -> None:
        """Drop a customer's changes up to a sequence."""
        digests = self._customers.get(customer_id)
        if digests is None:
            return
        passed = min(max(sequence + 1 - digests.first, 0), len(digests.values))
        self._count -= passed
        if passed == len(digests.values):
            del self._customers[customer_id]
        elif passed:
            del digests.values[:passed]
            digests.first += passed

    def drop_all(self, customer_id: str) -> None:
        """Drop all changes of a customer."""
        self.drop(customer_id, self.last_sequence(customer_id))

    def pop(self, row: Row) -> Held:
        """Whether the topic holds a change of the outbox; drops it and the customer's changes before it."""
        digests = self._customers.get(row.customer_id)
        if digests is None or row.sequence >= digests.end:
            held = Held.NO
        elif row.sequence < digests.first:
            held = Held.DIFFERENT
        else:
            content = _digest(self._kind.content_of_row(row))
            held = Held.SAME if digests.values[row.sequence - digests.first] == content else Held.DIFFERENT
        self.drop(row.customer_id, row.sequence)
        return held

    def _read(self, event: bytes | None) -> PublishedChange | None:
        try:
            change: PublishedChange | None = self._kind.read(event or b"")
        except MsgspecError:
            return None
        return change


def _digest(content: Content) -> int:
    return hash(content) or 1
