"""Backtest of drift observation: a model and the transactions after it, in memory."""

from collections.abc import Iterator
from datetime import datetime

import pandas as pd

from batch.profiles import histories
from models.drift.adwin import DELTA
from models.drift.observation import PRIMING_WINDOWS, WINDOW, DriftObserver, Observation
from models.drift.windows import WindowFold, window_floor
from models.segment_model import SegmentModel
from models.units import from_micros, to_micros


def backtest(
    model: SegmentModel, transactions: pd.DataFrame, begin: datetime, delta: float = DELTA
) -> Iterator[Observation]:
    """Observe every complete window that ends after a moment, exactly as the drift observer of a stream does.

    Parameters
    ----------
    transactions
        Including those before ``begin``: ``transaction_id, customer_id, occurred_at, kind, amount_units``.
    begin
        The end of the model's training.
    delta
        ADWIN's confidence parameter.
    """
    start = window_floor(to_micros(begin)) - PRIMING_WINDOWS * WINDOW
    until = window_floor(to_micros(transactions["occurred_at"].max().to_pydatetime()))
    # Sums of floats depend on order: with the order in which the ledger is read, results equal the stream's exactly.
    transactions = transactions.sort_values(["occurred_at", "customer_id", "transaction_id"])
    before = transactions["occurred_at"] < from_micros(start)
    during = ~before & (transactions["occurred_at"] < from_micros(until))
    fold = WindowFold(model, histories(transactions[before]), start, transactions[before])
    observer = DriftObserver(model, to_micros(begin), delta)
    for window in fold.windows(transactions[during], until):
        observation = observer.observe(window)
        if observation is not None:
            yield observation
