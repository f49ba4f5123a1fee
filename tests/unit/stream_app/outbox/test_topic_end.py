"""Which record is the last committed one is told by the marks in the log, wherever looking begins."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.outbox import topic_end
from stream_app.outbox.topic_end import Committed, UndecidedError

COMMIT, ABORT = b"\x00\x00\x00\x01", b"\x00\x00\x00\x00"


@dataclass
class Record:
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass
class Batch:
    records: list[Record]
    producer_id: int = 7
    is_transactional: bool = True
    is_control_batch: bool = False

    def __iter__(self) -> Iterator[topic_end.Record]:
        return iter(self.records)


# A transaction: how many records each of its batches has, and whether it is committed.
transactions = st.tuples(st.lists(st.integers(1, 4), max_size=3), st.booleans())


def log(history: list[tuple[list[int], bool]]) -> tuple[list[Batch], bytes | None]:
    """The batches of a history, one transaction after the other, and the value of the last record that counts."""
    batches, offset, last = [], 0, None
    for sizes, committed in history:
        value = None
        for size in sizes:
            value = str(offset + size - 1).encode()
            batches.append(Batch([Record(at, b"k", str(at).encode()) for at in range(offset, offset + size)]))
            offset += size
        mark = Record(offset, COMMIT if committed else ABORT, b"")
        batches.append(Batch([mark], is_control_batch=True))
        offset += 1
        if committed and value is not None:
            last = value
    return batches, last


def read(batches: list[Batch]) -> bytes | None:
    committed = Committed()
    for batch in batches:
        committed.add(batch)
    return committed.last()


@given(st.lists(transactions, max_size=8))
def test_the_last_record_of_the_last_committed_transaction_counts(history: list[tuple[list[int], bool]]) -> None:
    batches, last = log(history)
    assert read(batches) == last


@given(st.lists(transactions, min_size=1, max_size=8), st.data())
def test_looking_from_anywhere_finds_it_or_nothing(history: list[tuple[list[int], bool]], data: st.DataObject) -> None:
    batches, last = log(history)
    found = read(batches[data.draw(st.integers(0, len(batches))) :])
    assert found in (last, None)


def test_an_aborted_transaction_at_the_end_does_not_count() -> None:
    batches, _ = log([([2], True), ([100], False)])
    assert read(batches) == b"1"


def test_a_transaction_without_an_end_leaves_it_undecided() -> None:
    batches, _ = log([([2], True), ([3], True)])
    with pytest.raises(UndecidedError):
        read(batches[:-1])


def test_records_that_belong_to_no_transaction_count_at_once() -> None:
    assert read([Batch([Record(0, b"k", b"a"), Record(1, b"k", b"b")], is_transactional=False)]) == b"b"


def test_producers_that_take_turns_are_told_apart() -> None:
    mine, theirs = Batch([Record(0, b"k", b"mine")]), Batch([Record(1, b"k", b"theirs")], producer_id=8)
    lost = Batch([Record(2, ABORT, b"")], producer_id=8, is_control_batch=True)
    kept = Batch([Record(3, COMMIT, b"")], is_control_batch=True)
    assert read([mine, theirs, lost, kept]) == b"mine"
