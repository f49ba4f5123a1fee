"""Which offsets of a partition hold records of one producer, as runs of consecutive offsets. Pure."""

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(slots=True)
class OffsetRuns:
    """A set of offsets that mostly come in ascending order; a run takes 16 bytes however long it is."""

    _firsts: "array[int]" = field(default_factory=lambda: array("q"))
    _ends: "array[int]" = field(default_factory=lambda: array("q"))
    #: How many offsets there are.
    count: int = 0

    def add(self, offset: int) -> None:
        """Add an offset."""
        if offset in self:
            return
        self.count += 1
        at = bisect_right(self._firsts, offset)
        if at and self._ends[at - 1] == offset:
            self._ends[at - 1] += 1
        else:
            self._firsts.insert(at, offset)
            self._ends.insert(at, offset + 1)

    def __contains__(self, offset: int) -> bool:
        at = bisect_right(self._firsts, offset) - 1
        return at >= 0 and offset < self._ends[at]

    def before(self, end: int) -> int:
        """How many offsets are before ``end``."""
        whole = bisect_right(self._ends, end)
        found = sum(self._ends[at] - self._firsts[at] for at in range(whole))
        return found + (max(end - self._firsts[whole], 0) if whole < len(self._firsts) else 0)


@dataclass(slots=True)
class Placed:
    """Where the broker has put the records of one writer.

    ``unlocated`` counts transactions whose offset the broker did not report, because an answer of it was lost.
    """

    transactions: dict[int, OffsetRuns] = field(default_factory=dict)
    control: dict[int, OffsetRuns] = field(default_factory=dict)
    unlocated: int = 0

    def transaction(self, partition: int, offset: int) -> None:
        """Note where a transaction is."""
        if offset < 0:
            self.unlocated += 1
        else:
            self.transactions.setdefault(partition, OffsetRuns()).add(offset)

    def control_record(self, partition: int, offset: int) -> None:
        """Note where a tick or a model is."""
        if offset >= 0:
            self.control.setdefault(partition, OffsetRuns()).add(offset)
