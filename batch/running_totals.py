"""Each customer's totals up to any moment, for numbers over a trailing window: those now less those when it began."""

from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from models.units import Ints

#: The moment of a transaction that there is not.
NO_MORE = np.iinfo(np.int64).max


class Totals(NamedTuple):
    """Sales, and money of sales and of returns in ten-thousandths; each of shape (n,)."""

    frequency: Ints
    gross_units: Ints
    returned_units: Ints

    def less(self, others: "Totals") -> "Totals":
        """These totals without the others."""
        return Totals(*(mine - theirs for mine, theirs in zip(self, others, strict=True)))


class RunningTotals:
    """The transactions of all customers in order of event time, added up.

    Parameters
    ----------
    customers
        The ids of the customers, each once.
    customer
        Of each transaction: the place of the customer in ``customers``.
    moment
        In microseconds.
    is_sale, units
        Whether it is a sale, and its money in ten-thousandths.
    """

    def __init__(self, customers: pd.Index, customer: Ints, moment: Ints, is_sale: Ints, units: Ints) -> None:
        order = np.lexsort((moment, customer))
        self._customers = customers
        self._customer, self._moment = customer[order], moment[order]
        self._known = np.unique(moment)
        self._keys = self._key(self._customer, self._moment)
        sold = is_sale[order]
        self._sums = [np.r_[0, np.cumsum(each)] for each in (sold, sold * units[order], (1 - sold) * units[order])]

    @classmethod
    def of(cls, transactions: pd.DataFrame) -> Self:
        """The totals of ``customer_id, moment`` (microseconds), ``kind`` (``sale`` or ``return``), ``amount_units``."""
        number, ids = pd.factorize(transactions["customer_id"])
        moment, units = (transactions[name].to_numpy(dtype=np.int64) for name in ("moment", "amount_units"))
        is_sale = (transactions["kind"] == "sale").to_numpy().astype(np.int64)
        return cls(pd.Index(ids), number.astype(np.int64), moment, is_sale, units)

    def numbers(self, customer_ids: pd.Index) -> Ints:
        """The number of each customer; -1 of one without a transaction."""
        return np.asarray(self._customers.get_indexer(customer_ids), dtype=np.int64)

    def until(self, customer: Ints, moment: Ints) -> Totals:
        """Of some customers, by number: the totals of what happened up to and including a moment."""
        begin, end = np.searchsorted(self._customer, customer), self._after(customer, moment)
        return Totals(*(sums[end] - sums[begin] for sums in self._sums))

    def following(self, customer: Ints, moment: Ints) -> Ints:
        """The moment of each customer's first transaction after a moment; :data:`NO_MORE` if there is none."""
        place = self._after(customer, moment)
        known = place < np.searchsorted(self._customer, customer, side="right")
        found = np.full(len(place), NO_MORE)
        found[known] = self._moment[place[known]]
        return found

    def moments(self) -> pd.DataFrame:
        """Every transaction: ``customer_id, moment``."""
        return pd.DataFrame({"customer_id": self._customers[self._customer], "moment": self._moment})

    def _after(self, customer: Ints, moment: Ints) -> Ints:
        """The place of each customer's first transaction after a moment."""
        return np.asarray(np.searchsorted(self._keys, self._key(customer, moment), side="right"), dtype=np.int64)

    def _key(self, customer: Ints, moment: Ints) -> Ints:
        """A number that is ascending in customers and, of one, in moments; moments themselves would not fit."""
        return customer * (len(self._known) + 1) + np.searchsorted(self._known, moment, side="right")
