"""Every change of risk state of every customer, recomputed from orders one by one.

No array of states, no stored moment and no closed form: a loop over each customer's orders enters the state after every
order, and lets the moments of :mod:`batch.risk_moments` pass until the next one.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from batch.risk_moments import risk_moments
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.seasonal_clock import NEVER

_STATES = ("on_rhythm", "due", "overdue", "presumed_lost")
_FIRST_PURCHASE, _PURCHASE, _SILENCE = "first_purchase", "purchase", "silence"


class PastRiskChange(NamedTuple):
    """One change of risk state; moments in microseconds, None for what is not there or never comes."""

    customer_id: str
    sequence: int
    from_state: str | None
    to_state: str | None
    cause: str
    effective_at: int
    frequency: int
    last_purchase_at: int
    next_state: str | None
    next_at: int | None
    transaction_id: str | None


class _Stay(NamedTuple):
    """A customer after an order, until the next one or the watermark."""

    transaction_id: str
    last_at: int
    ends_at: int
    frequency: int
    begins: tuple[int, int, int]

    def state(self, moment: int) -> int:
        """The number of the state at a moment."""
        return sum(begin <= moment for begin in self.begins)

    def following(self, moment: int) -> tuple[str | None, int | None]:
        """The next state after a moment, and when it begins."""
        later = [begin for begin in self.begins if moment < begin < NEVER]
        return (_STATES[self.state(later[0])], later[0]) if later else (None, None)

    def silences(self) -> Iterator[int]:
        """The moments at which time alone changes the state, each once."""
        yield from sorted({begin for begin in self.begins if self.last_at < begin <= self.ends_at})


def expected_risk_changes(orders: pd.DataFrame, until: "pd.Series[int]", model: RhythmModel) -> pd.DataFrame:
    """All changes of risk state under one rhythm model, which is active from the beginning.

    Parameters
    ----------
    orders
        Every distinct order in the order of the log: ``customer_id, transaction_id, moment`` (microseconds). None may
        come late: moments of a customer never fall.
    until
        By customer: the watermark up to which time alone changes states, in microseconds.

    Returns
    -------
    DataFrame
        The columns of :class:`PastRiskChange`, a customer's changes together and in order.
    """
    ordered = orders.sort_values("customer_id", kind="stable").reset_index(drop=True)
    own = ordered.groupby("customer_id", sort=False)["moment"]
    first, following = own.transform("first"), own.shift(-1)
    ends = following.fillna(ordered["customer_id"].map(until)).astype("int64")
    frequency = own.cumcount() + 1
    histories = (each.to_numpy().astype(np.int64) for each in (first, ordered["moment"], frequency))
    moments = risk_moments(model, *histories)
    found: list[PastRiskChange] = []
    columns = (ordered["customer_id"], ordered["transaction_id"], ordered["moment"], ends, frequency, moments.tolist())
    for customer, transaction, last_at, ends_at, number, begins in zip(*columns, strict=True):
        before = found[-1] if found and found[-1].customer_id == customer else None
        stay = _Stay(transaction, last_at, max(ends_at, last_at), number, tuple(begins))
        found.extend(_changes(customer, before, stay))
    return pd.DataFrame(found, columns=PastRiskChange._fields, dtype=object)


def _changes(customer: str, before: PastRiskChange | None, stay: _Stay) -> Iterator[PastRiskChange]:
    """The changes of one stay: perhaps one with the order, and then those by time alone."""
    cause = _FIRST_PURCHASE if stay.frequency == 1 else _PURCHASE
    causes = dict.fromkeys(stay.silences(), _SILENCE)
    for moment, because in {stay.last_at: cause, **causes}.items():
        state = _STATES[stay.state(moment)]
        if before is not None and before.to_state == state:
            continue
        before = PastRiskChange(
            customer,
            1 if before is None else before.sequence + 1,
            None if before is None else before.to_state,
            state,
            because,
            moment,
            stay.frequency,
            stay.last_at,
            *stay.following(moment),
            None if because == _SILENCE else stay.transaction_id,
        )
        yield before
