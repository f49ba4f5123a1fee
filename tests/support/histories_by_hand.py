"""Customers' histories at a moment, and who of them ordered after it, by a loop over transactions."""

import numpy as np
import pandas as pd

from models.rhythm.histories import Histories


def histories_by_hand(transactions: pd.DataFrame, begin: int, end: int) -> tuple[Histories, list[bool]]:
    """Everybody who had ordered before ``begin``, and whether each did from then until before ``end``; microseconds."""
    moments: dict[str, list[int]] = {}
    for customer, kind, at in zip(
        transactions["customer_id"], transactions["kind"], transactions["occurred_at"].astype("int64"), strict=True
    ):
        if kind == "sale" and at < end:
            moments.setdefault(customer, []).append(at)
    known = [(each, [at for at in each if at < begin]) for each in moments.values()]
    rows = [(min(before), max(before), len(before), len(before) < len(each)) for each, before in known if before]
    first, last, count = np.array([row[:3] for row in rows], dtype=np.int64).T
    return Histories(first, last, count), [row[3] for row in rows]
