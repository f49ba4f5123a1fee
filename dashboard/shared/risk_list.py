"""All customers by money at stake: which of them a reader asks for, in which order, and as a table. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.shared import rhythm_text
from dashboard.shared.rhythm import OwnRhythm, own_rhythm
from data.postgres.customer_columns import Coded, CustomerColumns
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.rhythms import Rhythms, gaps, rhythms, since
from models.rhythm.risk import RISK_STATES, RiskState
from models.rhythm.seasonal_clock import NEVER
from models.units import MICROS_PER_DAY, Bools, Floats, Ints, from_micros, to_micros

ORDERS = ("stake", "newest", "spent", "soonest")


class Wanted(NamedTuple):
    """Which customers to list; an empty field does not restrict them. ``least`` is the least money at stake."""

    segments: Sequence[str] = ()
    states: Sequence[RiskState] = ()
    countries: Sequence[str] = ()
    least: float = 0.0


@dataclass(frozen=True)
class RiskList:
    """Customers at a moment, with their risk states and what is at stake.

    ``is_settled`` says, as of a past day, of whom it is known what time alone does: shape (n,); None for all.
    """

    customers: CustomerColumns
    found: Rhythms
    event_time: datetime
    is_settled: Bools | None = None

    @cached_property
    def _orders(self) -> dict[str, Ints]:
        return {}

    @cached_property
    def since(self) -> Ints:
        """When each customer's risk state began, in microseconds."""
        return since(self.customers.histories, self.found)

    def sorted_by(self, order: str) -> Ints:
        """The rows of all customers in one of :data:`ORDERS`; those that are equal in it, in the order of their ids."""
        if order not in self._orders:
            keys: dict[str, Ints | Floats] = {
                "stake": -self.found.stake.money,
                "newest": -self.since,
                "spent": -self.customers.spent,
                "soonest": self.customers.next_change_at,
            }
            self._orders[order] = np.argsort(keys[order], kind="stable")
        return self._orders[order]

    def rows(self, wanted: Wanted, order: str = "stake") -> Ints:
        """The rows of the customers who are wanted, in an order."""
        inside = np.ones(len(self.customers.spent), dtype=bool)
        if wanted.segments:
            inside &= _among(self.customers.segment, wanted.segments)
        if wanted.countries:
            inside &= _among(self.customers.country, wanted.countries)
        if wanted.states:
            inside &= np.isin(self.found.state, [RISK_STATES.index(state) for state in wanted.states])
        if wanted.least:
            inside &= self.found.stake.money >= wanted.least
        everybody = self.sorted_by(order)
        return everybody[inside[everybody]]

    def by_state(self, rows: Ints) -> dict[RiskState, tuple[int, float]]:
        """Customers and money at stake by risk state, over some rows."""
        state, money = self.found.state[rows], self.found.stake.money[rows]
        counts = np.bincount(state, minlength=len(RISK_STATES))
        sums = np.bincount(state, weights=money, minlength=len(RISK_STATES))
        return {name: (int(counts[number]), float(sums[number])) for number, name in enumerate(RISK_STATES)}

    def own(self, row: int) -> OwnRhythm:
        """One customer against the own rhythm."""
        return own_rhythm(self.customers.histories, self.found, row, to_micros(self.event_time))

    def frame(self, rows: Ints) -> pd.DataFrame:
        """Some customers as a table for systems and spreadsheets, one row each."""
        customers, found = self.customers, self.found
        usual, last = gaps(customers.histories)[rows], customers.histories.last_at[rows]
        silent = np.maximum(to_micros(self.event_time) - last, 0) / MICROS_PER_DAY
        pairs = zip(usual.tolist(), silent.tolist(), strict=True)
        moments = {"last_purchase_at": customers.histories.last_at, "state_since": self.since}
        moments |= dict(zip(("due_at", "overdue_at", "presumed_lost_at"), found.moments, strict=True))
        dates = {name: _moments(part[rows]) for name, part in moments.items()}
        return pd.DataFrame(
            {
                "customer_id": [customers.customer_id.of(row) for row in rows.tolist()],
                "country": _texts(customers.country, rows),
                "segment": _texts(customers.segment, rows),
                "risk_state": [RISK_STATES[state] for state in found.state[rows].tolist()],
                "state_since": dates["state_since"],
                "reason": [rhythm_text.reason(None if np.isnan(gap) else gap, days) for gap, days in pairs],
                "money_at_stake": found.stake.money[rows].round(2),
                "yearly_spend": found.stake.yearly_spend[rows].round(2),
                "p_order_within_90_days": found.stake.p_order[rows].round(4),
                "usual_gap_days": usual.round(2),
                "silent_days": silent.astype(np.int64),
                "purchases": customers.histories.orders[rows],
                "net_spend": customers.spent[rows],
                "last_purchase_at": dates["last_purchase_at"],
                "due_at": dates["due_at"],
                "overdue_at": dates["overdue_at"],
                "presumed_lost_at": dates["presumed_lost_at"],
                "next_change_at": _moments(customers.next_change_at[rows]),
                "next_segment": _texts(customers.next_segment, rows),
            }
        )


def risk_list(
    customers: CustomerColumns, rhythm: RhythmModel, event_time: datetime, is_settled: Bools | None = None
) -> RiskList:
    """All customers at event time, or at a past moment."""
    found = rhythms(rhythm, customers.histories, customers.spent, to_micros(event_time))
    return RiskList(customers, found, event_time, is_settled)


def next_change(customers: CustomerColumns, row: int) -> datetime | None:
    """When time alone moves a customer; None for never."""
    at = int(customers.next_change_at[row])
    return None if at == NEVER else from_micros(at)


def _among(column: Coded, texts: Sequence[str]) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    return np.isin(column.number, [number for number, text in enumerate(column.texts) if text in texts])


def _texts(column: Coded, rows: Ints) -> NDArray[np.object_]:
    # The number -1 takes the last one.
    return np.array([*column.texts, ""], dtype=object)[column.number[rows]]


def _moments(micros: Ints) -> "pd.Series[pd.Timestamp]":
    """Moments in microseconds; ``NEVER`` is missing."""
    known = np.where(micros == NEVER, np.iinfo(np.int64).min, micros)
    return pd.Series(known.view("datetime64[us]")).dt.tz_localize("UTC")
