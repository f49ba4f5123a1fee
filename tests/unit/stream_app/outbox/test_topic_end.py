"""Transaction markers decide which record is the last committed one, wherever reading begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.outbox.topic_end import HangingTransactionError, LastCommitted

COMMIT, ABORT = b"\x00\x00\x00\x01", b"\x00\x00\x00\x00"


class Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass
class Batch:
    records: list[Record]
    producer_id: int = 7
    is_transactional: bool = True
    is_control_batch: bool = False

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)


# A Kafka transaction: the number of records in each of its batches, and whether it is committed.
transactions = st.tuples(st.lists(st.integers(1, 4), max_size=3), st.booleans())


def log(history: list[tuple[list[int], bool]]) -> tuple[list[Batch], bytes | None]:
    """The batches of some Kafka transactions in a row, and the value of the last committed record."""
    batches, offset, last = [], 0, None
    for sizes, committed in history:
        value = None
        for size in sizes:
            value = str(offset + size - 1).encode()
            batches.append(Batch([Record(at, b"k", str(at).encode()) for at in range(offset, offset + size)]))
            offset += size
        marker = Record(offset, COMMIT if committed else ABORT, b"")
        batches.append(Batch([marker], is_control_batch=True))
        offset += 1
        if committed and value is not None:
            last = value
    return batches, last


def read(batches: list[Batch]) -> bytes | None:
    last_committed = LastCommitted()
    for batch in batches:
        last_committed.add(batch)
    return last_committed.value()


@given(st.lists(transactions, max_size=8))
def test_the_last_record_of_the_last_committed_transaction_is_found(history: list[tuple[list[int], bool]]) -> None:
    batches, last = log(history)
    assert read(batches) == last


@given(st.lists(transactions, min_size=1, max_size=8), st.data())
def test_reading_from_any_batch_finds_the_same_record_or_none(
    history: list[tuple[list[int], bool]], data: st.DataObject
) -> None:
    batches, last = log(history)
    found = read(batches[data.draw(st.integers(0, len(batches))) :])
    assert found in (last, None)


def test_an_aborted_transaction_at_the_end_is_ignored() -> None:
    batches, _ = log([([2], True), ([100], False)])
    assert read(batches) == b"1"


def test_a_transaction_without_a_marker_is_reported_as_hanging() -> None:
    batches, _ = log([([2], True), ([3], True)])
    with pytest.raises(HangingTransactionError):
        read(batches[:-1])


def test_records_outside_transactions_are_committed_at_once() -> None:
    assert read([Batch([Record(0, b"k", b"a"), Record(1, b"k", b"b")], is_transactional=False)]) == b"b"


def test_transactions_of_different_producers_are_kept_apart() -> None:
    first, second = Batch([Record(0, b"k", b"first")]), Batch([Record(1, b"k", b"second")], producer_id=8)
    aborted = Batch([Record(2, ABORT, b"")], producer_id=8, is_control_batch=True)
    committed = Batch([Record(3, COMMIT, b"")], is_control_batch=True)
    assert read([first, second, aborted, committed]) == b"first"
