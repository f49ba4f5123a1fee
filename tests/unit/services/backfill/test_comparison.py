"""Two histories of three customers, compared by hand, in parts of any size."""

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pytest

from models.calendar import periods
from models.moves import Direction
from models.segment_model import NO_SEGMENT
from models.units import to_micros
from services.backfill.comparison import ChangeHistory, HistoryComparison, MoveCounts, PeriodComparison
from stream_app.core.columns import Cause

IDS = ("best", "middle", "worst", "gone")
BEST, MIDDLE, WORST, GONE = range(4)
FIRST, BUY, BACK, DECAY, MODEL = Cause.FIRST_PURCHASE, Cause.PURCHASE, Cause.RETURN, Cause.DECAY, Cause.MODEL


class Row(NamedTuple):
    customer: int
    day: datetime
    cause: Cause
    before: int
    after: int


def day(month: int, number: int) -> datetime:
    return datetime(2011, month, number, tzinfo=UTC)


OURS = [
    Row(0, day(1, 5), FIRST, NO_SEGMENT, MIDDLE),
    Row(0, day(1, 20), BUY, MIDDLE, BEST),
    Row(0, day(2, 1), DECAY, BEST, MIDDLE),  # at the first moment of February, back within 12 days
    Row(1, day(2, 10), FIRST, NO_SEGMENT, WORST),
    Row(1, day(3, 1), DECAY, WORST, BEST),  # time climbs
    Row(1, day(3, 2), BUY, BEST, WORST),  # a purchase falls, back within a day
]
PUBLISHED = [
    Row(0, day(1, 5), FIRST, NO_SEGMENT, MIDDLE),
    Row(0, day(1, 20), BUY, MIDDLE, BEST),
    Row(0, day(2, 3), DECAY, BEST, WORST),
    Row(0, day(2, 4), MODEL, WORST, GONE),  # neither time nor a purchase
    Row(1, day(2, 10), FIRST, NO_SEGMENT, WORST),
    Row(2, day(3, 9), FIRST, NO_SEGMENT, MIDDLE),
]


def history(rows: list[Row], customers: range) -> ChangeHistory:
    own = [row for row in rows if row.customer in customers]

    def column(name: str) -> np.ndarray:
        return np.array([getattr(row, name) for row in own], dtype=np.int64)

    before, after = column("before"), column("after")
    at = np.array([to_micros(row.day) for row in own], dtype=np.int64)
    return ChangeHistory(column("customer") - customers.start, at, column("cause"), before, after, before, after)


BEGIN = day(1, 5)


def compared(size: int, first: datetime = BEGIN) -> tuple[HistoryComparison, list[PeriodComparison]]:
    found = HistoryComparison(periods("month", first, day(3, 20)))
    for start in range(0, 3, size):
        part = range(start, min(start + size, 3))
        found.add(len(part), history(OURS, part), history(PUBLISHED, part))
    return found, found.results(IDS)


def nonzero(counts: MoveCounts) -> dict[str, int]:
    return {cause: count for cause, count in counts.by_cause.items() if count}


@pytest.mark.parametrize("size", [1, 2, 3])
def test_customers_are_paired_by_their_segments_just_before_the_next_period(size: int) -> None:
    january, february, march = compared(size)[1]
    assert january.pairs == {("best", "best"): 1}
    assert february.pairs == {("middle", "gone"): 1, ("worst", "worst"): 1}
    assert march.pairs == {("middle", "gone"): 1, ("worst", "worst"): 1, (None, "middle"): 1}
    assert (march.customers, march.same, march.share) == (3, 1, 1 / 3)
    assert march.sizes() == {"gone": (0, 1), "middle": (1, 1), "worst": (1, 1)}


@pytest.mark.parametrize("size", [1, 2, 3])
def test_changes_are_counted_in_their_period_by_cause_and_direction(size: int) -> None:
    january, february, march = compared(size)[1]
    assert nonzero(january.model) == nonzero(january.published) == {"first_purchase": 1, "purchase": 1}
    assert nonzero(february.model) == {"first_purchase": 1, "decay": 1}
    assert nonzero(february.published) == {"first_purchase": 1, "decay": 1, "model": 1}
    assert (february.model.to_and_fro, february.published.to_and_fro) == (1, 0)
    assert (march.model.direction, march.model.to_and_fro) == (Direction(1, 1, 1, 1), 1)
    total = MoveCounts.total([january.model, february.model, march.model])
    assert (total.all, total.to_and_fro, total.direction) == (6, 2, Direction(2, 1, 2, 1))
    published = MoveCounts.total([january.published, february.published, march.published])
    assert (published.all, published.direction) == (6, Direction(1, 0, 1, 0))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_changes_and_customers_that_both_have_are_equal(size: int) -> None:
    found, results = compared(size)
    assert [each.equal for each in results] == [2, 1, 0]
    assert found.differing == 3


def test_what_was_before_the_first_period_decides_where_customers_begin_and_counts_no_further() -> None:
    found, (february, march) = compared(3, day(2, 1))
    assert february.pairs == {("middle", "gone"): 1, ("worst", "worst"): 1}
    assert nonzero(february.model) == {"first_purchase": 1, "decay": 1}
    assert [february.equal, march.equal] == [1, 0]
    assert found.differing == 3


def test_equal_histories_differ_in_nothing() -> None:
    found = HistoryComparison(periods("week", day(1, 1), day(3, 20)))
    found.add(3, history(OURS, range(3)), history(OURS, range(3)))
    results = found.results(IDS)
    assert (sum(each.equal for each in results), found.differing) == (len(OURS), 0)
    assert {each.share for each in results} == {None, 1.0}


def test_without_a_period_nothing_is_compared() -> None:
    found = HistoryComparison([])
    found.add(3, history(OURS, range(3)), history(PUBLISHED, range(3)))
    assert (found.results(IDS), found.differing) == ([], 0)
    assert MoveCounts.total([]).all == 0
