"""Compare the customers' states at a past moment with a recomputation from the raw dataset.

pandas counts orders and money up to the moment, and a scikit-learn pipeline scores every customer at it. The segment
before comes from the history that :mod:`batch.history` computes by brute force, day by day. Neither shares code with
:mod:`data.postgres.past_states`.
"""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from batch.profiles import features
from batch.scorer import Scorer

COLUMNS = ("segment", "previous_segment", "recency_days", "frequency", "gross_units", "returned_units")
COUNTED = ("counted_frequency", "counted_gross_units", "counted_returned_units")
_ABSENT = ""


def expected_states(
    transactions: pd.DataFrame, changes: pd.DataFrame, moment: datetime, scorer: Scorer | None = None
) -> pd.DataFrame:
    """The state of every customer who had a transaction by a moment.

    Parameters
    ----------
    transactions
        The dataset's distinct transactions: ``transaction_id, customer_id, occurred_at, kind, amount_units``.
    changes
        As :func:`batch.reconcile_history.expected_history` returns them.
    scorer
        The model that was active at the moment, if it was active on every partition: it decides the segment anew, and
        ``changes`` decide the segment before. By default ``changes`` decide both.

    Returns
    -------
    DataFrame
        By customer, in the order of ids: :data:`COLUMNS`, segments "" and recency missing where there is none. If the
        model is given, also :data:`COUNTED`: what it counts.
    """
    known = transactions[transactions["occurred_at"] <= moment]
    found = _totals(known, np.sort(known["customer_id"].unique()))
    last = known[known["kind"] == "sale"].groupby("customer_id")["occurred_at"].max().reindex(found.index)
    found["recency_days"] = (moment - last).dt.days.astype("Int64")
    before = changes[changes["effective_at"] <= moment].drop_duplicates("customer_id", keep="last")
    before = before.set_index("customer_id").reindex(found.index)
    found["segment"] = before["to_segment"].fillna(_ABSENT)
    found["previous_segment"] = before["from_segment"].fillna(_ABSENT)
    if scorer is not None:
        days = scorer.model.window_days
        inside = known if days is None else known[known["occurred_at"] > moment - timedelta(days=days)]
        counted = _totals(inside, found.index)
        for name, total in zip(COUNTED, counted, strict=True):
            found[name] = counted[total]
        buyers = counted.assign(recency_days=found["recency_days"])[found["frequency"] > 0]
        points = features(buyers, scorer.model.monetary).to_numpy()
        found["segment"] = pd.Series(scorer.segments(points), buyers.index).reindex(found.index).fillna(_ABSENT)
    return found[[*COLUMNS, *(COUNTED if scorer is not None else ())]]


def _totals(transactions: pd.DataFrame, customers: Any) -> pd.DataFrame:
    """By customer: how many sales, and the money of sales and of returns; 0 where there is nothing."""
    sales, returns = (transactions[transactions["kind"] == kind].groupby("customer_id") for kind in ("sale", "return"))
    found = pd.DataFrame(index=pd.Index(customers, name="customer_id"))
    found["frequency"] = sales["transaction_id"].nunique()
    found["gross_units"], found["returned_units"] = sales["amount_units"].sum(), returns["amount_units"].sum()
    return found.fillna(0).astype("int64")


def differences(expected: pd.DataFrame, states: pd.DataFrame) -> list[str]:
    """What differs between expected states and those of :func:`data.postgres.past_states.past_states`, as lines."""
    actual = states.set_index("customer_id")[[*expected]]
    actual = actual.assign(**{name: actual[name].fillna(_ABSENT) for name in ("segment", "previous_segment")})
    found = [f"{customer}: missing" for customer in expected.index.difference(actual.index)]
    found += [f"{customer}: not in the dataset" for customer in actual.index.difference(expected.index)]
    both = expected.index.intersection(actual.index)
    for name in map(str, expected):
        ours, theirs = (table.loc[both, name].astype("object") for table in (actual, expected))
        unequal = ~((ours == theirs).fillna(False) | (ours.isna() & theirs.isna())).astype(bool)
        found += [f"{customer}: {name} {ours[customer]}, not {theirs[customer]}" for customer in both[unequal]]
    return found
