"""Dates of a dataset that are probably mistakes: a mistyped year, or the zero of a spreadsheet or of a clock.

One such date costs much: a replay passes event time day by day, so a last invoice of 2109 ages every customer by a
century, and a first one of 1899 means a century of ticks before the next transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from data.datasets.dataset import Dataset
from data.datasets.query import rows_of
from models.units import MICROS_PER_DAY, Ints, from_micros, to_micros

_GAP = 365 * MICROS_PER_DAY
_SHARE = 0.01
_ALWAYS_FEW = 3
_AHEAD = timedelta(days=1)
_NAMED = 3


class UnlikelyDate(NamedTuple):
    """A transaction whose date is probably a mistake, by its number in the dataset."""

    number: int
    transaction_id: str
    customer_id: str
    occurred_at: datetime
    in_future: bool


def unlikely_dates(dataset: Dataset, now: datetime) -> list[UnlikelyDate]:
    """The transactions whose dates are probably mistakes, in the order of event time.

    A date is unlikely if it is more than a day after ``now``, or if it is one of the first or last few (at most three
    transactions, or one percent) and a gap of more than 365 days separates these from all others.
    """
    latest = to_micros(now + _AHEAD)
    first, last = unlikely_numbers(dataset.moments, latest)
    found = rows_of(
        dataset.db.cursor(),
        "SELECT number, transaction_id, customer_id, occurred_at FROM transactions "
        "WHERE number < $first OR number >= $last ORDER BY number",
        {"first": first, "last": last},
    )
    return [
        UnlikelyDate(number, transaction_id, customer_id, from_micros(moment), moment > latest)
        for number, transaction_id, customer_id, moment in found
    ]


def unlikely_numbers(moments: Ints, latest: int) -> tuple[int, int]:
    """The first transaction whose date is likely, and the one after the last such.

    Parameters
    ----------
    moments
        The moment of each transaction in microseconds, ascending.
    latest
        The last moment that is not in the future.
    """
    first, last = _without_outliers(moments)
    return first, max(first, min(last, int(np.searchsorted(moments, latest, side="right"))))


def rows_with(dataset: Dataset, unlikely: UnlikelyDate) -> list[tuple[str, int]]:
    """The file and the row of each line of a transaction that has its date."""
    found = rows_of(
        dataset.db.cursor(),
        """
        SELECT source, row FROM rows
        WHERE transaction_id = $transaction AND customer_id = $customer AND occurred_at = $moment AND left_out IS NULL
        ORDER BY source, row
        """,
        {
            "transaction": unlikely.transaction_id,
            "customer": unlikely.customer_id,
            "moment": to_micros(unlikely.occurred_at),
        },
    )
    return [(dataset.places[source].name, row) for source, row in found]


def in_one_line(name: str, unlikely: Sequence[UnlikelyDate]) -> str:
    """What is wrong with a dataset, naming the first transactions."""
    named = [f"invoice {one.transaction_id} of {one.occurred_at:%Y-%m-%d}" for one in unlikely[:_NAMED]]
    if len(unlikely) > _NAMED:
        named.append(f"and {len(unlikely) - _NAMED:,} more")
    count = "1 transaction has a date that is probably a mistake"
    if len(unlikely) > 1:
        count = f"{len(unlikely):,} transactions have dates that are probably mistakes"
    return f"{name}: {count}, more than a year from all others or in the future: {', '.join(named)}"


def _without_outliers(moments: Ints) -> tuple[int, int]:
    """The first and the end row of the transactions that no long gap separates from most others."""
    count = len(moments)
    few = min(max(_ALWAYS_FEW, int(count * _SHARE)), (count - 1) // 2)
    gaps = np.flatnonzero(np.diff(moments) > _GAP) + 1
    before, after = gaps[gaps <= few], gaps[count - gaps <= few]
    return (int(before[-1]) if len(before) else 0), (int(after[0]) if len(after) else count)
