"""What time alone does to one customer under a model with a window, from the customer's own orders. Pure.

Orders leave the window one by one, so the numbers of a profile do not tell the next change; its orders do. The worker's
functions decide.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from models.segment_model import SegmentModel
from models.units import from_micros, to_micros, to_money_units
from stream_app.core.columns import Cause
from stream_app.core.whole_history import Orders, whole_history


class Move(NamedTuple):
    """A change that time alone makes: when, into which segment (its number), and the cause."""

    at: datetime
    segment: int
    cause: str


def moves_until(model: SegmentModel, ledger: pd.DataFrame, until: datetime) -> list[Move]:
    """The changes up to a moment, the first one included, if nothing more is bought or returned.

    Parameters
    ----------
    ledger
        The customer's orders and returns in order of time: ``occurred_at, kind, amount`` (currency units).
    """
    moments = [to_micros(moment) for moment in ledger["occurred_at"]]
    amounts = [to_money_units(amount) for amount in ledger["amount"]]
    customer = np.zeros(len(ledger), dtype=np.int64)
    columns = (np.array(each, dtype=np.int64) for each in (moments, amounts))
    occurred_at, amount = columns
    orders = Orders(customer, occurred_at, ledger["kind"].tolist(), amount)
    changes = whole_history(model, ["customer"], orders, to_micros(until))
    causes = {cause.value: cause.word for cause in Cause}
    rows = zip(changes.effective_at.tolist(), changes.to_segment.tolist(), changes.cause.tolist(), strict=True)
    return [Move(from_micros(at), segment, causes[cause]) for at, segment, cause in rows]


def moves_ahead(model: SegmentModel, ledger: pd.DataFrame, after: datetime) -> list[Move]:
    """All changes after a moment, which is not before the last order. Without a window there is no end to them.

    Once the last order has left the window, the customer stays inactive.
    """
    if model.window_days is None:
        raise ValueError("without a window the profile alone says what time does")
    end = after + timedelta(days=model.window_days)
    return [move for move in moves_until(model, ledger, end) if move.at > after]


def with_purchase(ledger: pd.DataFrame, amount: object, bought_at: datetime) -> pd.DataFrame:
    """The orders and one more, the last one."""
    row = {"occurred_at": bought_at, "kind": "sale", "amount": amount}
    columns = list(row)
    return pd.concat([ledger[columns].astype(object), pd.DataFrame([row]).astype(object)], ignore_index=True)
