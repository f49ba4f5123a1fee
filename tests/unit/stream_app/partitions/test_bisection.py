"""The search for the record that keeps a batch from being applied."""

import psycopg
import pytest

from stream_app.partitions.bisection import MOST_IN_A_ROW, Bisection, blames_a_record, in_one_line

REFUSED = psycopg.errors.CheckViolation("evil\nDETAIL: more")


def apply(culprits: set[int], end: int, batch: int, error: BaseException = REFUSED) -> tuple[list[int], int]:
    """Apply a log; returns the offsets that became dead letters, and the number of failures."""
    bisection, first, letters, failures = Bisection(), 0, [], 0
    while first < end:
        stop = min(first + (bisection.most_offsets(first) or batch), end)
        rejected = bisection.verdict(first, stop) is not None
        if not rejected and culprits & set(range(first, stop)):
            bisection.failed(first, stop, error)
            failures += 1
            if failures > 50 * (len(culprits) + 1):
                break
            continue
        letters += [first] if rejected else []
        first = stop
        bisection.committed(first, rejected)
    return letters, failures


@pytest.mark.parametrize("batch", [1, 2, 7, 64, 500])
@pytest.mark.parametrize("culprits", [set(), {0}, {63}, {10, 11}, {0, 31, 99}])
def test_exactly_the_culprits_become_dead_letters(culprits: set[int], batch: int) -> None:
    letters, failures = apply(culprits, 100, batch)
    assert letters == sorted(culprits)
    assert failures <= 12 * len(culprits)


def test_a_culprit_in_the_largest_batch_takes_few_failures() -> None:
    assert apply({4_999}, 5_000, 5_000) == ([4_999], 4)
    letters, failures = apply({0}, 5_000, 5_000)
    assert letters == [0]
    assert failures <= 16


def test_one_failure_is_not_enough() -> None:
    bisection = Bisection()
    bisection.failed(0, 1, REFUSED)
    assert bisection.verdict(0, 1) is None
    bisection.failed(0, 1, REFUSED)
    assert bisection.verdict(0, 1) == "could not be applied: CheckViolation: evil"


def test_a_cause_that_is_not_in_the_records_makes_no_endless_row_of_dead_letters() -> None:
    letters, _ = apply(set(range(1_000)), 1_000, 100)
    assert len(letters) == MOST_IN_A_ROW


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.ConnectionTimeout("away"),
        psycopg.errors.AdminShutdown(),
        psycopg.errors.SerializationFailure(),
        psycopg.errors.DeadlockDetected(),
        psycopg.errors.LockNotAvailable(),
        psycopg.errors.DiskFull(),
        psycopg.errors.OutOfMemory(),
        psycopg.errors.QueryCanceled(),
        psycopg.errors.TransactionTimeout(),
        psycopg.errors.InsufficientPrivilege(),
        psycopg.errors.UndefinedColumn(),
        psycopg.errors.ReadOnlySqlTransaction(),
        ConnectionResetError(),
        TimeoutError(),
        OSError("disk"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_these_are_never_the_fault_of_a_record(error: Exception) -> None:
    assert not blames_a_record(error)
    assert apply({3}, 10, 5, error)[0] == []


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.NumericValueOutOfRange(),
        psycopg.errors.UniqueViolation(),
        psycopg.errors.RaiseException(),
        psycopg.errors.ProgramLimitExceeded(),
        psycopg.DataError("made by the driver"),
        MemoryError(),
        ValueError("x"),
        OverflowError(),
        RecursionError(),
        KeyError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_these_can_be_the_fault_of_a_record(error: Exception) -> None:
    assert blames_a_record(error)


def test_an_error_is_one_printable_line() -> None:
    assert in_one_line(ValueError("a\x1b[31m\u202eb\nc")) == "ValueError: a\ufffd[31m\ufffdb"
    assert in_one_line(MemoryError()) == "MemoryError"
