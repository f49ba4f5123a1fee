"""Customers as they were some days before a moment, and who of them has ordered since: a fold over all orders.

With many customers, those with the lowest hash of their id stand for all, as in a fit.
"""

from collections.abc import Iterable
from hashlib import md5

import numpy as np
from numpy.typing import NDArray

from models.rhythm.histories import Histories
from models.rhythm.prediction_check import PastCustomers
from models.rhythm.sample_size import MOST_CUSTOMERS
from models.units import MICROS_PER_DAY, Ints

_LONG_AGO = np.iinfo(np.int64).min // 2


class CustomerSample:
    """The hashes of customers' ids, by row; the customers with the lowest ones stand for all."""

    def __init__(self, customer_ids: Iterable[str]) -> None:
        self._hash = _hashes(customer_ids)

    def add(self, customer_ids: Iterable[str]) -> None:
        """Add the ids of the next rows."""
        self._hash = np.append(self._hash, _hashes(customer_ids))

    def among(self, rows: Ints, most: int = MOST_CUSTOMERS) -> Ints:
        """At most this many of some rows: those with the lowest hash, which no order has an influence on."""
        if len(rows) <= most:
            return rows
        return rows[np.argpartition(self._hash[rows], most - 1)[:most]]


class PastHistories:
    """The histories of all customers as they were this many days ago, and all orders since then.

    Parameters
    ----------
    first, last, count
        Of each row: the moments of the first and last order, in microseconds, and the number of orders, which is 0 for
        a customer who had not ordered.
    """

    def __init__(self, days: int, first: Ints, last: Ints, count: Ints) -> None:
        self._width = days * MICROS_PER_DAY
        self._first, self._last, self._count = first.copy(), last.copy(), count.copy()
        self._customer, self._moment = np.empty((2, 0), dtype=np.int64)

    def add(self, customer: Ints, moment: Ints) -> None:
        """Add later orders, in order of time: rows of customers and moments."""
        self._customer = np.concatenate([self._customer, customer])
        self._moment = np.concatenate([self._moment, moment])

    def at(self, now: int, sample: CustomerSample) -> PastCustomers:
        """The customers as they were this many days before ``now``, which never falls; ``sample`` knows all rows.

        An order at that very moment has come since, as the one at ``now`` comes later.
        """
        old = int(np.searchsorted(self._moment, now - self._width, side="left"))
        self._grow(int(self._customer.max(initial=-1)) + 1)
        self._settle(self._customer[:old], self._moment[:old])
        self._customer, self._moment = self._customer[old:], self._moment[old:]
        rows = sample.among(np.flatnonzero(self._count))
        has_ordered = np.zeros(len(self._count), dtype=np.bool_)
        has_ordered[self._customer] = True
        return PastCustomers(Histories(self._first[rows], self._last[rows], self._count[rows]), has_ordered[rows])

    def _settle(self, customer: Ints, moment: Ints) -> None:
        """Let orders belong to the histories."""
        # Orders are in order of time: backwards, each customer's first one is written last.
        is_new = self._count[customer] == 0
        self._first[customer[is_new][::-1]] = moment[is_new][::-1]
        np.add.at(self._count, customer, 1)
        np.maximum.at(self._last, customer, moment)

    def _grow(self, rows: int) -> None:
        more = rows - len(self._count)
        if more > 0:
            self._first = np.append(self._first, np.full(more, _LONG_AGO, dtype=np.int64))
            self._last = np.append(self._last, np.full(more, _LONG_AGO, dtype=np.int64))
            self._count = np.append(self._count, np.zeros(more, dtype=np.int64))


def _hashes(customer_ids: Iterable[str]) -> "NDArray[np.uint64]":
    """The first 64 bits of each id's hash: they order ids as the whole hash does."""
    digests = (md5(each.encode(), usedforsecurity=False).digest() for each in customer_ids)
    return np.array([int.from_bytes(digest[:8], "big") for digest in digests], dtype=np.uint64)
