"""Observed days of the ledger: R, F and M of all customers at the end of each, and its transactions.

A fold over transactions in order of event time: the cost of an observed day is its own transactions and one pass over
all customers.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.drift.observation import PAUSE_DAYS, WINDOW, ObservedDay
from models.drift.past_histories import CustomerSample, PastHistories
from models.drift.reference import Population
from models.rhythm.carried import rhythm_of
from models.rhythm.prediction_check import PastCustomers
from models.rhythm.rhythm_model import HORIZONS
from models.scoring import monetary_value
from models.segment_model import SegmentModel
from models.units import MICROS_PER_DAY, MONEY_UNITS, Ints

_LONG_AGO = np.iinfo(np.int64).min // 2


def window_floor(micros: int) -> int:
    """The end of the last day (of UTC) that ends at or before a moment, in microseconds."""
    return micros // WINDOW * WINDOW


class WindowFold:
    """The state of all customers at the end of the last day; monetary values are net or gross as in ``model``.

    Parameters
    ----------
    history
        All customers before the first day, by ``customer_id``: ``frequency``, ``gross_units``,
        ``returned_units``, ``first_purchase_at`` and ``last_purchase_at`` (missing for customers who have not bought).
    start
        Microseconds: the beginning of the first day.
    counting
        Of a model with a trailing window: all transactions before the first window that it still has, in order of time,
        with the columns of :meth:`windows`.
    """

    def __init__(
        self, model: SegmentModel, history: pd.DataFrame, start: int, counting: pd.DataFrame | None = None
    ) -> None:
        self._model = model
        self._row = {customer: row for row, customer in enumerate(history.index)}
        self._frequency = history["frequency"].to_numpy(np.int64, copy=True)
        self._gross = history["gross_units"].to_numpy(np.int64, copy=True)
        self._returned = history["returned_units"].to_numpy(np.int64, copy=True)
        self._last = _known(history["last_purchase_at"])
        self.reached = start
        self._predictable = _Predictable(history, self._frequency) if rhythm_of(model) is not None else None
        self._trailing = None
        if model.window_days is not None:
            if counting is None:
                raise ValueError("a model with a window needs the transactions that it counts")
            self._trailing = _Trailing(model.window_days * MICROS_PER_DAY)
            self._trailing.add(*self._columns(counting))

    def windows(self, transactions: pd.DataFrame, until: int) -> Iterator[ObservedDay]:
        """Advance to a moment, and yield every day up to it.

        Parameters
        ----------
        transactions
            All transactions from ``reached`` (inclusive) to ``until`` (exclusive), in order of time: ``customer_id,
            occurred_at, kind, amount_units``.
        until
            Microseconds: the end of the last day to yield.
        """
        customer, moment, is_sale, amount = self._columns(transactions)
        ends = np.arange(self.reached, until, WINDOW) + WINDOW
        cuts = np.searchsorted(moment, ends, side="left").tolist()
        for end, start, stop in zip(ends.tolist(), [0, *cuts], cuts, strict=False):
            part = slice(start, stop)
            yield self._window(end, customer[part], moment[part], is_sale[part], amount[part])
            self.reached = end

    def _window(self, end: int, customer: Ints, moment: Ints, is_sale: NDArray[np.bool_], amount: Ints) -> ObservedDay:
        buyers = customer[is_sale]
        newcomers = len(np.unique(buyers[self._frequency[buyers] == 0]))
        paused = self._last < end - WINDOW - PAUSE_DAYS * MICROS_PER_DAY
        np.add.at(self._frequency, buyers, 1)
        np.add.at(self._gross, buyers, amount[is_sale])
        np.add.at(self._returned, customer[~is_sale], amount[~is_sale])
        np.maximum.at(self._last, buyers, moment[is_sale])
        known = np.flatnonzero(self._frequency)
        frequency, gross, returned = self._frequency, self._gross, self._returned
        if self._trailing is not None:
            self._trailing.add(customer, moment, is_sale, amount)
            frequency, gross, returned = self._trailing.totals(end, len(frequency))
        base = Population(
            recency=(end - self._last[known]) // MICROS_PER_DAY,
            frequency=frequency[known],
            monetary=monetary_value(self._model, gross[known], returned[known]),
        )
        arrivals = np.flatnonzero(np.isin(known, customer[paused[customer]]))
        sales = amount[is_sale] / MONEY_UNITS
        past = {} if self._predictable is None else self._predictable.at(end, buyers, moment[is_sale])
        return ObservedDay(end, base, arrivals, sales, int((~is_sale).sum()), newcomers, past)

    def _columns(self, transactions: pd.DataFrame) -> tuple[Ints, Ints, NDArray[np.bool_], Ints]:
        """Rows of customers, moments, whether they are sales, and amounts."""
        moment, amount = _micros(transactions["occurred_at"]), transactions["amount_units"].to_numpy(np.int64)
        return self._rows(transactions["customer_id"]), moment, (transactions["kind"] == "sale").to_numpy(), amount

    def _rows(self, customer_ids: pd.Series) -> Ints:
        """The row of each customer; new customers get new rows."""
        codes, distinct = pd.factorize(customer_ids)
        known = len(self._row)
        rows = np.array([self._row.setdefault(customer, len(self._row)) for customer in distinct], dtype=np.int64)
        more = len(self._row) - known
        if self._predictable is not None:
            # New customers are at the end, in the order in which they have got their rows.
            self._predictable.sample.add(map(str, islice(self._row, known, None)))
        for name, blank in (("_frequency", 0), ("_gross", 0), ("_returned", 0), ("_last", _LONG_AGO)):
            setattr(self, name, np.append(getattr(self, name), np.full(more, blank, dtype=np.int64)))
        return np.asarray(rows[codes], dtype=np.int64)


class _Predictable:
    """What predictions are compared with: customers as they were 30 and 90 days ago, and who has ordered since."""

    def __init__(self, history: pd.DataFrame, frequency: Ints) -> None:
        first, last = (_known(history[name]) for name in ("first_purchase_at", "last_purchase_at"))
        self.sample = CustomerSample(map(str, history.index))
        self._orders = {days: PastHistories(days, first, last, frequency) for days in HORIZONS}

    def at(self, end: int, customer: Ints, moment: Ints) -> dict[int, PastCustomers]:
        """The customers by days before the end of a day with these orders."""
        for orders in self._orders.values():
            orders.add(customer, moment)
        return {days: orders.at(end, self.sample) for days, orders in self._orders.items()}


class _Trailing:
    """What a trailing window of this many microseconds has: its transactions in order of time."""

    def __init__(self, width: int) -> None:
        self._width = width
        nothing = np.empty(0, dtype=np.int64)
        self._customer, self._moment, self._amount = nothing, nothing, nothing
        self._is_sale = nothing.astype(bool)

    def add(self, customer: Ints, moment: Ints, is_sale: NDArray[np.bool_], amount: Ints) -> None:
        """Add later transactions, in order of time."""
        self._customer = np.concatenate([self._customer, customer])
        self._moment = np.concatenate([self._moment, moment])
        self._is_sale = np.concatenate([self._is_sale, is_sale])
        self._amount = np.concatenate([self._amount, amount])

    def totals(self, end: int, customers: int) -> tuple[Ints, Ints, Ints]:
        """Sales, and money of sales and of returns of each row of customers at a moment; older ones are dropped."""
        gone = int(np.searchsorted(self._moment, end - self._width, side="right"))
        for name in ("_customer", "_moment", "_is_sale", "_amount"):
            setattr(self, name, getattr(self, name)[gone:])
        frequency, gross, returned = np.zeros((3, customers), dtype=np.int64)
        sold = self._is_sale
        np.add.at(frequency, self._customer[sold], 1)
        np.add.at(gross, self._customer[sold], self._amount[sold])
        np.add.at(returned, self._customer[~sold], self._amount[~sold])
        return frequency, gross, returned


def _known(moments: pd.Series) -> Ints:
    """Moments, long ago where one is missing."""
    return np.where(moments.isna(), _LONG_AGO, _micros(moments.fillna(pd.Timestamp(0, tz="UTC"))))


def _micros(moments: pd.Series) -> Ints:
    return np.asarray(moments.dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64))
