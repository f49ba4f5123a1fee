"""The history of every customer, day by day: R, F and M at each transaction and at each whole day of silence."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from batch.order_book import OrderBook
from models.moves import EXPIRY, PURCHASE, RETURN, TIME
from models.units import MICROS_PER_DAY, MONEY_UNITS, Floats, Ints


class CustomerDays(NamedTuple):
    """Rows of all customers from their first purchase on, a customer's rows together and in order; each of shape (n,).

    Parameters
    ----------
    customer, at
        Number of the customer; moment in microseconds.
    cause
        What the row is, as :mod:`models.moves` names it.
    recency, frequency, monetary
        As a segment model takes them: whole days, orders, net currency units of at least 0.
    age
        Days from the first to the last order.
    """

    customer: Ints
    at: Ints
    cause: Ints
    recency: Ints
    frequency: Ints
    monetary: Floats
    age: Floats


def customer_days(book: OrderBook, window_days: int | None = None) -> CustomerDays:
    """Every row until the last transaction of the dataset.

    Parameters
    ----------
    window_days
        Count only the orders and returns of this many days before each row; by default all. A row on which something
        left the window has the cause ``EXPIRY``.
    """
    end = int(book.moment.max())
    parts = []
    for begin, stop in pairwise([*first_rows(book.customer).tolist(), len(book.customer)]):
        rows = slice(begin, stop)
        if book.is_order[rows].any():
            parts.append(_days_of(book, rows, end, window_days))
    return CustomerDays(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def first_rows(customer: Ints) -> Ints:
    """The number of each customer's first row; ``customer`` has a customer's rows together."""
    return np.flatnonzero(np.append(True, customer[1:] != customer[:-1]))


def last_rows(days: CustomerDays, until: int) -> Ints:
    """The number of each customer's last row up to a moment; customers without one are left out."""
    known = np.flatnonzero(days.at <= until)
    rows: Ints = known[np.append(days.customer[known][1:] != days.customer[known][:-1], True)]
    return rows


def rows_of(days: CustomerDays, rows: Ints) -> CustomerDays:
    """Some rows of a history."""
    return CustomerDays._make(column[rows] for column in days)


def _days_of(book: OrderBook, rows: slice, end: int, window_days: int | None) -> CustomerDays:
    """The rows of one customer."""
    moment, is_order, units = book.moment[rows], book.is_order[rows], book.units[rows]
    first = int(np.argmax(is_order))
    last_order = np.maximum.accumulate(np.where(is_order == 1, moment, 0))
    following = np.append(moment[1:], end + 1)
    at, seen, cause = [], [], []
    for number in range(first, len(moment)):
        silent = last_order[number] + MICROS_PER_DAY * np.arange(
            (moment[number] - last_order[number]) // MICROS_PER_DAY + 1,
            (following[number] - 1 - last_order[number]) // MICROS_PER_DAY + 1,
        )
        at.append(np.append(moment[number], silent))
        seen.append(np.full(1 + len(silent), number))
        cause.append(np.append(PURCHASE if is_order[number] else RETURN, np.full(len(silent), TIME)))
    when, known, what = np.concatenate(at), np.concatenate(seen), np.concatenate(cause)
    orders, spent = np.r_[0, np.cumsum(is_order)], np.r_[0, np.cumsum(units)]
    gone = np.zeros(len(when), dtype=np.int64)
    if window_days is not None:
        gone = np.searchsorted(moment, when - window_days * MICROS_PER_DAY, side="right")
        left = np.r_[False, gone[1:] > gone[:-1]]
        what = np.where(left & (what == TIME), EXPIRY, what)
    return CustomerDays(
        customer=np.full(len(when), book.customer[rows.start]),
        at=when,
        cause=what,
        recency=(when - last_order[known]) // MICROS_PER_DAY,
        frequency=orders[known + 1] - orders[gone],
        monetary=np.maximum(spent[known + 1] - spent[gone], 0) / MONEY_UNITS,
        age=(last_order[known] - moment[first]) / MICROS_PER_DAY,
    )
