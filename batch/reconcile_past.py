"""Compare the customers' states at a past moment with a recomputation from the raw dataset.

pandas counts orders and money up to the moment, and a scikit-learn pipeline scores every customer at it. The segment
before comes from the history that :mod:`batch.history` computes by brute force, day by day. Neither shares code with
:mod:`data.postgres.past_states`.
"""

from datetime import datetime

import numpy as np
import pandas as pd

from batch.profiles import features
from batch.scorer import Scorer

COLUMNS = ("segment", "previous_segment", "recency_days", "frequency", "gross_units", "returned_units")
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
        By customer, in the order of ids: :data:`COLUMNS`, segments "" and recency missing where there is none.
    """
    known = transactions[transactions["occurred_at"] <= moment]
    sales, returns = (known[known["kind"] == kind].groupby("customer_id") for kind in ("sale", "return"))
    found = pd.DataFrame(index=pd.Index(np.sort(known["customer_id"].unique()), name="customer_id"))
    found["frequency"] = sales["transaction_id"].nunique()
    found["gross_units"], found["returned_units"] = sales["amount_units"].sum(), returns["amount_units"].sum()
    found = found.fillna(0).astype("int64")
    last = sales["occurred_at"].max().reindex(found.index)
    found["recency_days"] = (moment - last).dt.days.astype("Int64")
    before = changes[changes["effective_at"] <= moment].drop_duplicates("customer_id", keep="last")
    before = before.set_index("customer_id").reindex(found.index)
    found["segment"] = before["to_segment"].fillna(_ABSENT)
    found["previous_segment"] = before["from_segment"].fillna(_ABSENT)
    if scorer is not None:
        buyers = found[found["frequency"] > 0]
        points = features(buyers, scorer.model.monetary).to_numpy()
        found["segment"] = pd.Series(scorer.segments(points), buyers.index).reindex(found.index).fillna(_ABSENT)
    return found[[*COLUMNS]]


def differences(expected: pd.DataFrame, states: pd.DataFrame) -> list[str]:
    """What differs between expected states and those of :func:`data.postgres.past_states.past_states`, as lines."""
    actual = states.set_index("customer_id")[[*COLUMNS]]
    actual = actual.assign(**{name: actual[name].fillna(_ABSENT) for name in ("segment", "previous_segment")})
    found = [f"{customer}: missing" for customer in expected.index.difference(actual.index)]
    found += [f"{customer}: not in the dataset" for customer in actual.index.difference(expected.index)]
    both = expected.index.intersection(actual.index)
    for name in COLUMNS:
        ours, theirs = (table.loc[both, name].astype("object") for table in (actual, expected))
        unequal = ~((ours == theirs).fillna(False) | (ours.isna() & theirs.isna())).astype(bool)
        found += [f"{customer}: {name} {ours[customer]}, not {theirs[customer]}" for customer in both[unequal]]
    return found
