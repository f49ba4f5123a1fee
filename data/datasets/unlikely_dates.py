"""Dates of a dataset that are probably mistakes: a mistyped year, or the zero of a spreadsheet or of a clock.

One such date costs much: a replay passes event time day by day, so a last invoice of 2109 ages every customer by a
century, and a first one of 1899 means a century of ticks before the next transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from models.units import MICROS_PER_DAY, Ints, to_micros

_GAP = 365 * MICROS_PER_DAY
_SHARE = 0.01
_ALWAYS_FEW = 3
_AHEAD = timedelta(days=1)
_NAMED = 3


class UnlikelyDate(NamedTuple):
    """A transaction whose date is probably a mistake."""

    transaction_id: str
    occurred_at: datetime
    in_future: bool


def unlikely_dates(transactions: pd.DataFrame, now: datetime) -> list[UnlikelyDate]:
    """The transactions whose dates are probably mistakes, in the order of event time.

    A date is unlikely if it is more than a day after ``now``, or if it is one of the first or last few (at most three
    transactions, or one percent) and a gap of more than 365 days separates these from all others.

    Parameters
    ----------
    transactions
        The transactions of a dataset, in the order of event time: ``transaction_id, occurred_at``.
    """
    moments = np.asarray(transactions["occurred_at"].astype("int64"), dtype=np.int64)
    latest = to_micros(now + _AHEAD)
    first, last = _without_outliers(moments)
    unlikely = (np.arange(len(moments)) < first) | (np.arange(len(moments)) >= last) | (moments > latest)
    chosen = transactions[unlikely]
    return [
        UnlikelyDate(transaction_id, moment.to_pydatetime(), to_micros(moment.to_pydatetime()) > latest)
        for transaction_id, moment in zip(chosen["transaction_id"], chosen["occurred_at"], strict=True)
    ]


def rows_of(raw: pd.DataFrame, unlikely: UnlikelyDate) -> list[int]:
    """The rows of the file with this invoice and this date, as the file counts them; see ``readers.read``."""
    same = (raw["invoice"] == unlikely.transaction_id) & (raw["occurred_at"] == unlikely.occurred_at)
    return [int(row) for row in raw.loc[same, "row"]]


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
