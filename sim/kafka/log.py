"""Partitions of simulated topics: batches of records, Kafka transactions with their markers, and who may read what."""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Headers = Sequence[tuple[str, bytes]]

_MARKER = struct.Struct(">hh")


@dataclass(frozen=True, slots=True)
class ProducedContent:
    """What a producer writes: key, value, headers, and a timestamp in milliseconds."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class SimulatedRecord:
    """A record of a log, as a Kafka client returns it."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()


@dataclass(slots=True)
class SimulatedBatch:
    """Records that came together, or a transaction marker.

    ``state`` is ``plain`` outside Kafka transactions; ``open``, ``committed`` or ``aborted`` inside; ``marker``.
    """

    base_offset: int
    records: list[SimulatedRecord]
    producer_id: int = -1
    is_transactional: bool = False
    is_control_batch: bool = False
    state: str = "plain"

    @property
    def next_offset(self) -> int:
        """The offset behind the batch."""
        return self.base_offset + len(self.records)

    def __iter__(self) -> Iterator[SimulatedRecord]:
        return iter(self.records)

    @property
    def is_visible(self) -> bool:
        """Whether readers of committed records get these records, once they may read so far."""
        return self.state in ("plain", "committed")


@dataclass(slots=True)
class SimulatedLog:
    """One partition of a topic."""

    first_offset: int = 0
    batches: list[SimulatedBatch] = field(default_factory=list)
    _open: dict[int, list[SimulatedBatch]] = field(default_factory=dict)
    _bases: list[int] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The end offset: the high watermark."""
        return self.batches[-1].next_offset if self.batches else self.first_offset

    @property
    def stable_end(self) -> int:
        """The last stable offset: readers of committed records get what is before it."""
        return min((batches[0].base_offset for batches in self._open.values()), default=self.end)

    def append(self, contents: Sequence[ProducedContent], producer_id: int = -1, transactional: bool = False) -> None:
        """Add a batch at the end."""
        base = self.end
        records = [
            SimulatedRecord(base + at, each.key, each.value, each.timestamp, each.headers)
            for at, each in enumerate(contents)
        ]
        batch = SimulatedBatch(base, records, producer_id, transactional, state="open" if transactional else "plain")
        self._add(batch)
        if transactional:
            self._open.setdefault(producer_id, []).append(batch)

    def mark(self, producer_id: int, commit: bool, timestamp: int) -> None:
        """Add a transaction marker, which ends all that a producer has open here."""
        key = _MARKER.pack(0, 1 if commit else 0)
        record = SimulatedRecord(self.end, key, b"\0\0\0\0\0\0", timestamp)
        self._add(SimulatedBatch(self.end, [record], producer_id, True, True, state="marker"))
        for batch in self._open.pop(producer_id, []):
            batch.state = "committed" if commit else "aborted"

    def _add(self, batch: SimulatedBatch) -> None:
        self.batches.append(batch)
        self._bases.append(batch.base_offset)

    def from_offset(self, offset: int) -> Iterator[SimulatedBatch]:
        """The batches from the one with an offset on."""
        at = max(bisect_right(self._bases, offset) - 1, 0)
        yield from (batch for batch in self.batches[at:] if batch.next_offset > offset)

    def committed(self, offset: int, most: int = 1_000_000) -> tuple[list[SimulatedRecord], int]:
        """At most this many committed records from an offset on, and the offset to continue from."""
        stable, records, next_offset = self.stable_end, list[SimulatedRecord](), offset
        for batch in self.from_offset(offset):
            if batch.base_offset >= stable:
                break
            for record in batch.records:
                if record.offset < offset or record.offset < self.first_offset:
                    continue
                if batch.is_visible:
                    if len(records) == most:
                        return records, next_offset
                    records.append(record)
                next_offset = record.offset + 1
        return records, next_offset

    def record_from(self, offset: int) -> SimulatedRecord | None:
        """The first record from an offset on that is no marker, committed or not."""
        for batch in self.from_offset(offset):
            if not batch.is_control_batch:
                for record in batch.records:
                    if record.offset >= offset:
                        return record
        return None

    def cut(self, count: int) -> list[SimulatedBatch]:
        """Lose the last batches, as a broker does that was restored from an older copy; returns them."""
        lost = self.batches[len(self.batches) - count :]
        self._hold(self.batches[: len(self.batches) - count])
        return lost

    def get_back(self, batches: Sequence[SimulatedBatch]) -> None:
        """Get lost batches back."""
        self._hold([*self.batches, *batches])

    def _hold(self, batches: list[SimulatedBatch]) -> None:
        self.batches = batches
        self._bases = [batch.base_offset for batch in batches]
        self._open = {}
        for batch in batches:
            if batch.state == "open":
                self._open.setdefault(batch.producer_id, []).append(batch)

    def shorten(self, first: int) -> None:
        """Delete whole batches before an offset, as retention does."""
        while self.batches and self.batches[0].next_offset <= first and self.batches[0].state != "open":
            self.first_offset = self.batches.pop(0).next_offset
            self._bases.pop(0)
