"""All orders of a dataset, from which the histories of its customers can be computed as of any moment."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from models.rhythm.histories import Histories
from models.units import MONEY_UNITS, Floats, Ints


class OrderBook(NamedTuple):
    """Orders and returns, sorted by customer and time; each array has one value for each transaction.

    Parameters
    ----------
    customer
        Number of the customer: the index into ``customer_ids``.
    moment
        In microseconds.
    is_order
        1 for orders, 0 for returns.
    units
        Money units, below 0 for returns.
    customer_ids
        The customers' ids, in ascending order.
    """

    customer: Ints
    moment: Ints
    is_order: Ints
    units: Ints
    customer_ids: tuple[str, ...]


class CustomersAt(NamedTuple):
    """The customers who had ordered by a moment, each array of shape (n,); ``spent`` is net, in currency units."""

    customer: Ints
    histories: Histories
    spent: Floats


def order_book(transactions: pd.DataFrame) -> OrderBook:
    """The orders and returns in a table of transactions.

    Parameters
    ----------
    transactions
        One row per invoice: ``customer_id, occurred_at, kind, amount_units``.
    """
    number, ids = pd.factorize(transactions["customer_id"], sort=True)
    moment = transactions["occurred_at"].dt.as_unit("us").astype("int64").to_numpy()
    is_order = (transactions["kind"] == "sale").to_numpy()
    units = np.where(is_order, 1, -1) * transactions["amount_units"].to_numpy()
    order = np.lexsort((moment, number))
    return OrderBook(
        customer=number[order],
        moment=moment[order],
        is_order=is_order[order].astype(np.int64),
        units=units[order],
        customer_ids=tuple(map(str, ids)),
    )


def customers_at(book: OrderBook, now: int) -> CustomersAt:
    """The customers whose first order is not after a moment, and their histories as they were then."""
    seen = book.moment <= now
    spent = np.bincount(book.customer[seen], weights=book.units[seen], minlength=len(book.customer_ids))
    ordered = seen & (book.is_order == 1)
    customer, first, count = np.unique(book.customer[ordered], return_index=True, return_counts=True)
    moments = book.moment[ordered]
    histories = Histories(moments[first], moments[first + count - 1], count.astype(np.int64))
    return CustomersAt(customer, histories, spent[customer] / MONEY_UNITS)


def later_orders(book: OrderBook, now: int) -> Ints:
    """Moments of all orders up to a moment but each customer's first."""
    ordered = (book.moment <= now) & (book.is_order == 1)
    customer, moments = book.customer[ordered], book.moment[ordered]
    later: Ints = moments[1:][customer[1:] == customer[:-1]]
    return later


def orders_between(book: OrderBook, begin: int, end: int) -> tuple[Ints, Ints]:
    """For every customer: how many orders there were after ``begin`` and up to ``end``, and the moment of the first.

    Returns
    -------
    tuple of arrays of int
        Shape (customers of the book,); the moment of those without an order is -1.
    """
    within = (book.moment > begin) & (book.moment <= end) & (book.is_order == 1)
    count = np.bincount(book.customer[within], minlength=len(book.customer_ids))
    first = np.full(len(book.customer_ids), -1, dtype=np.int64)
    customer, row = np.unique(book.customer[within], return_index=True)
    first[customer] = book.moment[within][row]
    return count, first


def spent_between(book: OrderBook, begin: int, end: int) -> Floats:
    """What every customer spent after ``begin`` and up to ``end``, net of returns, in currency units."""
    within = (book.moment > begin) & (book.moment <= end)
    totals = np.bincount(book.customer[within], weights=book.units[within], minlength=len(book.customer_ids))
    return np.asarray(totals / MONEY_UNITS)
