"""One customer's past as frames for figures: stays in segments, and R, F and M over time. Pure."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from models.scoring import net_or_gross
from models.segment_model import SegmentModel
from models.units import Floats

ONE_DAY = pd.Timedelta(days=1)


def stays(changes: pd.DataFrame, until: datetime) -> pd.DataFrame:
    """The customer's stays in segments, in order: segment, start, end; the last one ends at ``until``.

    Parameters
    ----------
    changes
        Columns to_segment and effective_at, in order.
    """
    start = pd.to_datetime(changes["effective_at"], utc=True).reset_index(drop=True)
    end = start.shift(-1)
    if len(end):
        end.iloc[-1] = max(pd.Timestamp(until), start.iloc[-1])
    return pd.DataFrame({"segment": changes["to_segment"].tolist(), "start": start, "end": end})


def recency_line(ledger: pd.DataFrame, until: datetime) -> pd.DataFrame:
    """Days since the last purchase: at, days. They rise with time and fall to 0 at every sale."""
    sales = pd.to_datetime(ledger.loc[ledger["kind"] == "sale", "occurred_at"], utc=True).sort_values()
    if sales.empty:
        return pd.DataFrame({"at": sales, "days": []})
    ends = pd.concat([sales.iloc[1:], pd.Series([max(pd.Timestamp(until), sales.iloc[-1])])])
    risen = (ends.to_numpy() - sales.to_numpy()) / ONE_DAY.to_numpy()
    at = np.column_stack([sales.to_numpy(), ends.to_numpy()]).ravel()
    days = np.column_stack([np.zeros(len(sales)), risen]).ravel()
    return pd.DataFrame({"at": pd.to_datetime(at, utc=True), "days": days})


def spend_steps(
    ledger: pd.DataFrame, model: SegmentModel, frequency: int, gross: float, returned: float, until: datetime
) -> pd.DataFrame:
    """Purchases and money after every transaction and every expiry up to ``until``: at, frequency, monetary.

    Parameters
    ----------
    ledger
        The newest transactions in order of time: occurred_at, kind, amount.
    frequency, gross, returned
        Totals over all transactions that the model counts; older ones may be missing from ``ledger``.
    """
    ledger = _with_expiries(ledger, model.window_days, until)
    sold = (ledger["kind"] == "sale").to_numpy(dtype=bool)
    amounts = ledger["amount"].to_numpy(dtype=np.float64)
    purchases = _ending_in(sold * ledger["counts"].to_numpy(dtype=np.float64), frequency).astype(np.int64)
    spent, refunded = _ending_in(np.where(sold, amounts, 0), gross), _ending_in(np.where(sold, 0, amounts), returned)
    monetary = net_or_gross(model.monetary, spent, refunded)
    steps = pd.DataFrame(
        {"at": pd.to_datetime(ledger["occurred_at"], utc=True), "frequency": purchases, "monetary": monetary}
    )
    newest = steps.tail(1)
    last = newest.assign(at=pd.Timestamp(until))[newest["at"] < pd.Timestamp(until)]
    return pd.concat([steps, last], ignore_index=True)


def _with_expiries(ledger: pd.DataFrame, window_days: int | None, until: datetime) -> pd.DataFrame:
    """The transactions, and once more with the opposite sign what has left the window by a moment, in order of time."""
    known = ledger[["occurred_at", "kind"]].assign(amount=ledger["amount"].astype("float64"), counts=1.0)
    if window_days is None:
        return known
    gone = known.assign(occurred_at=pd.to_datetime(known["occurred_at"], utc=True) + timedelta(days=window_days))
    gone = gone[gone["occurred_at"] <= pd.Timestamp(until)].assign(
        amount=lambda rows: -rows["amount"], counts=lambda rows: -rows["counts"]
    )
    moments = known.assign(occurred_at=pd.to_datetime(known["occurred_at"], utc=True))
    return pd.concat([gone, moments]).sort_values("occurred_at", kind="stable", ignore_index=True)


def _ending_in(additions: Floats, total: float) -> Floats:
    """Running sums, shifted so that the last one is ``total``."""
    running = np.cumsum(additions)
    return running + (total - running[-1]) if len(running) else running
