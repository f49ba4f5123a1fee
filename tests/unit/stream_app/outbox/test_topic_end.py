"""Transaction markers decide which records are committed, wherever reading begins."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.outbox.topic_end import CommittedRecords, HangingTransactionError

COMMIT, ABORT = b"\x00\x00\x00\x01", b"\x00\x00\x00\x00"


@dataclass
class Record:
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


def log(history: list[tuple[list[int], bool]]) -> tuple[list[Batch], list[bytes]]:
    """The batches of some Kafka transactions in a row, and the values of the committed records."""
    batches, offset, committed_values = list[Batch](), 0, list[bytes]()
    for sizes, committed in history:
        begin = offset
        for size in sizes:
            batches.append(Batch([Record(at, b"k", str(at).encode()) for at in range(offset, offset + size)]))
            offset += size
        if committed:
            committed_values += [str(at).encode() for at in range(begin, offset)]
        marker = Record(offset, COMMIT if committed else ABORT, b"")
        batches.append(Batch([marker], is_control_batch=True))
        offset += 1
    return batches, committed_values


def read(batches: list[Batch]) -> list[bytes | None]:
    committed = CommittedRecords()
    values = [record.value for batch in batches for record in committed.add(batch)]
    committed.raise_if_hanging()
    return values


@given(st.lists(transactions, max_size=8))
def test_exactly_the_records_of_committed_transactions_are_found_in_order(
    history: list[tuple[list[int], bool]],
) -> None:
    batches, values = log(history)
    assert read(batches) == values


@given(st.lists(transactions, min_size=1, max_size=8), st.data())
def test_reading_from_any_batch_finds_the_same_end(history: list[tuple[list[int], bool]], data: st.DataObject) -> None:
    batches, values = log(history)
    found = read(batches[data.draw(st.integers(0, len(batches))) :])
    assert found == values[len(values) - len(found) :]


def test_an_aborted_transaction_at_the_end_is_ignored() -> None:
    batches, _ = log([([2], True), ([100], False)])
    assert read(batches) == [b"0", b"1"]


def test_the_records_of_a_transaction_are_known_when_it_is_aborted() -> None:
    batches, _ = log([([2, 1], False), ([1], True)])
    committed = CommittedRecords()
    aborted = []
    for batch in batches:
        committed.add(batch)
        aborted.append([record.value for record in committed.aborted])
    assert aborted == [[], [], [b"0", b"1", b"2"], [], []]


def test_a_transaction_without_a_marker_is_reported_as_hanging() -> None:
    batches, _ = log([([2], True), ([3], True)])
    with pytest.raises(HangingTransactionError):
        read(batches[:-1])


def test_records_outside_transactions_are_committed_at_once() -> None:
    batch = Batch([Record(0, b"k", b"a"), Record(1, b"k", b"b")], is_transactional=False)
    assert read([batch]) == [b"a", b"b"]


def test_transactions_of_different_producers_are_kept_apart() -> None:
    first, second = Batch([Record(0, b"k", b"first")]), Batch([Record(1, b"k", b"second")], producer_id=8)
    aborted = Batch([Record(2, ABORT, b"")], producer_id=8, is_control_batch=True)
    committed = Batch([Record(3, COMMIT, b"")], is_control_batch=True)
    assert read([first, second, aborted, committed]) == [b"first"]
