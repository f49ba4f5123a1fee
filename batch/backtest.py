"""What drift observation would have said: a model, the transactions after it, in memory."""

from collections.abc import Iterator
from datetime import datetime

import pandas as pd

from batch.profiles import histories
from models.drift.mean_change import DELTA
from models.drift.observation import PRIMING_WINDOWS, WINDOW, DriftObserver, Observed
from models.drift.windows import WindowFold, window_floor
from models.segment_model import SegmentModel
from models.units import from_micros, to_micros


def backtest(
    model: SegmentModel, transactions: pd.DataFrame, begin: datetime, delta: float = DELTA
) -> Iterator[Observed]:
    """Observe every whole window that ends after a moment, as the observer of a stream does.

    Parameters
    ----------
    transactions
        Also those before ``begin``: ``transaction_id, customer_id, occurred_at, kind, amount_units``.
    begin
        Where the model's training ends.
    delta
        ADWIN's, if it is to be another one.
    """
    start = window_floor(to_micros(begin)) - PRIMING_WINDOWS * WINDOW
    until = window_floor(to_micros(transactions["occurred_at"].max().to_pydatetime()))
    # The order in which the ledger is read too, so that the numbers are the same to the last digit.
    transactions = transactions.sort_values(["occurred_at", "customer_id", "transaction_id"])
    before = transactions["occurred_at"] < from_micros(start)
    during = ~before & (transactions["occurred_at"] < from_micros(until))
    fold = WindowFold(model, histories(transactions[before]), start)
    observer = DriftObserver(model, to_micros(begin), delta)
    for window in fold.windows(transactions[during], until):
        observed = observer.observe(window)
        if observed is not None:
            yield observed
