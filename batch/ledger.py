"""What became of each transaction of a dataset: applied, refused, not yet due, forgotten, or missing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.postgres.stream_state import StreamState

KEY = ["customer_id", "transaction_id"]
APPLIED, DEAD_LETTER, NOT_DUE, MISSING = "applied", "dead letter", "not yet due", "missing"
FORGOTTEN = "forgotten"
_CONTENT = ("occurred_at", "kind", "amount_units", "country")


@dataclass(frozen=True)
class Arrivals:
    """The distinct transactions of a dataset, with the column ``arrival``."""

    transactions: pd.DataFrame

    @classmethod
    def of(cls, transactions: pd.DataFrame, stream: StreamState) -> "Arrivals":
        """What became of each transaction; a repeated id of the same customer counts once.

        A transaction is due once the watermark of its customer's partition has passed it.
        """
        distinct = transactions.drop_duplicates(KEY)
        applied, rejected = known(distinct, stream.transactions), known(distinct, stream.rejected)
        forgotten = distinct["customer_id"].isin(stream.forgotten.among(distinct["customer_id"].unique()))
        arrival = np.select(
            [applied, forgotten, rejected, ~_due(distinct, stream)],
            [APPLIED, FORGOTTEN, DEAD_LETTER, NOT_DUE],
            default=MISSING,
        )
        return cls(distinct.assign(arrival=arrival))

    def count(self, arrival: str) -> int:
        """The number of transactions with an arrival."""
        return int((self.transactions["arrival"] == arrival).sum())


def revised_count(transactions: pd.DataFrame, stream: StreamState) -> int:
    """How many of a dataset's transactions were revised since."""
    return int(known(transactions, _revisions(stream)).sum())


def with_revisions(transactions: pd.DataFrame, stream: StreamState) -> pd.DataFrame:
    """The transactions of a dataset, those that were revised since with the content that the ledger has of them."""
    later = _revisions(stream)
    is_revised = known(transactions, later)
    if not is_revised.any():
        return transactions
    content = [name for name in _CONTENT if name in transactions]
    revised = transactions.loc[is_revised, [name for name in transactions if name not in content]]
    replaced = revised.merge(later[[*KEY, *content]], on=KEY).set_index(revised.index)[list(transactions)]
    return pd.concat([transactions[~is_revised], replaced]).sort_index()


def known(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    """Which rows have the customer and transaction id of one of the others."""
    found = pd.MultiIndex.from_frame(rows[KEY]).isin(pd.MultiIndex.from_frame(others[KEY]))
    return pd.Series(found, index=rows.index)


def _revisions(stream: StreamState) -> pd.DataFrame:
    return stream.transactions[stream.transactions["revision"] > 0]


def watermarks(stream: StreamState) -> pd.Series:
    """The watermark of the partition of each known customer."""
    times = stream.progress.set_index("partition")["event_time"]
    customers = stream.customers.set_index("customer_id")["partition"]
    return times.reindex(customers).set_axis(customers.index)


def _due(transactions: pd.DataFrame, stream: StreamState) -> pd.Series:
    # The partition of an unknown customer is unknown: a transaction is due once all partitions have passed it.
    watermark = watermarks(stream)
    everywhere = stream.progress["event_time"].min(skipna=False)
    due = watermark.reindex(transactions["customer_id"]).set_axis(transactions.index)
    due = due.where(transactions["customer_id"].isin(watermark.index), everywhere)
    return transactions["occurred_at"] <= due
