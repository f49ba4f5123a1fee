"""The numbers that each customer's changes must have, where old changes may have been pruned."""

from datetime import datetime

import pandas as pd


def first_sequences(changes: pd.DataFrame, whole_since: datetime | None) -> "pd.Series[int]":
    """The sequence that each customer's changes must begin with, by ``customer_id``.

    It is 1, or that of the first stored change if it is not after ``whole_since``.

    Parameters
    ----------
    changes
        ``customer_id, sequence, effective_at``.
    whole_since
        See :func:`data.postgres.kept_history.whole_since`.
    """
    first = changes.sort_values(["customer_id", "sequence"]).drop_duplicates("customer_id").set_index("customer_id")
    if whole_since is None:
        return pd.Series(1, first.index, dtype="int64")
    return first["sequence"].where(first["effective_at"] <= pd.Timestamp(whole_since), 1)
