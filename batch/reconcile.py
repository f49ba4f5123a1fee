"""Reconcile the stream with a dataset: recompute the state of all customers and compare it with the stored state.

The recomputation shares no code with the stream but the net/gross rule of M: pandas counts, scikit-learn scores, and
bisection finds the next change instead of the closed form. Bisection is valid because a segment of a nearest-centroid
model is convex: a customer who buys nothing leaves a segment once and never returns.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from batch.chains import Links, broken_chains
from batch.differences import differences, unequal
from batch.ledger import DEAD_LETTER, KEY, MISSING, Arrivals, known, watermarks, with_revisions
from batch.profiles import histories
from batch.reconcile_risk import reconcile_risk
from batch.running_totals import RunningTotals
from batch.scorer import Scorer, scored_in_window
from data.postgres.stream_state import StreamState
from models.segment_model import SegmentModel
from models.units import MONEY_UNITS

COUNTED = ["frequency", "gross_units", "returned_units", "first_purchase_at", "last_purchase_at", "last_event_at"]
CONTENT = ["occurred_at", "kind", "amount_units", "country"]
STATE = [*COUNTED, "segment", "next_change_at", "next_segment", "model_version"]
_LINKS = Links("from_segment", "to_segment", "segment", "segment_since")


Models = Mapping[str, SegmentModel]


def reconcile(transactions: pd.DataFrame, stream: StreamState, models: Models) -> pd.DataFrame:
    """All differences between the stream's state and the state that the dataset implies.

    Parameters
    ----------
    transactions
        The dataset, one row per invoice: ``transaction_id, customer_id, occurred_at, kind, amount_units``. A
        repeated id of the same customer is a duplicate and does not count.
    stream
        The stored state of the stream, at any point of the log.
    models
        By version: all models that partitions, customers and changes refer to.

    Returns
    -------
    DataFrame
        ``what`` (``ledger``, ``customer``, ``history``, ``risk`` or ``risk history``), ``customer_id``, ``field``,
        ``expected``, ``actual``; no rows if the stream is correct. Money is in ten-thousandths. A customer who still
        waits to be rescored under a newly activated model differs in ``model_version`` only; see also
        :func:`batch.reconcile_risk.reconcile_risk`.
    """
    arrivals = Arrivals.of(transactions, stream)
    dataset = with_revisions(arrivals.transactions.drop(columns="arrival"), stream)
    event_time = watermarks(stream)
    held = dataset.merge(stream.transactions, on=KEY, suffixes=("_expected", "_actual"))
    fields = [field for field in CONTENT if f"{field}_expected" in held]
    applied = dataset.merge(stream.transactions[KEY], on=KEY)
    counted = _with_replaced_events(histories(applied), stream)
    scorers = {version: Scorer.of(model) for version, model in models.items()}
    expected = _expected(counted, applied, event_time, stream, scorers)
    found = [
        _not_in_ledger(arrivals),
        _not_in_dataset(dataset, stream),
        *unequal("ledger", held, fields, held["transaction_id"] + " "),
        *_customers(expected, stream.customers),
        *_history(stream, scorers),
        *reconcile_risk(counted, event_time, stream, models),
    ]
    return pd.concat(found, ignore_index=True)


def _not_in_ledger(arrivals: Arrivals) -> pd.DataFrame:
    absent = arrivals.transactions[arrivals.transactions["arrival"].isin([MISSING, DEAD_LETTER])]
    return differences("ledger", absent["customer_id"], absent["transaction_id"], "present", absent["arrival"])


def _not_in_dataset(dataset: pd.DataFrame, stream: StreamState) -> pd.DataFrame:
    unknown = stream.transactions[~known(stream.transactions, dataset)]
    return differences("ledger", unknown["customer_id"], unknown["transaction_id"], "missing", "present")


def _expected(
    counted: pd.DataFrame,
    applied: pd.DataFrame,
    event_time: pd.Series,
    stream: StreamState,
    scorers: Mapping[str, Scorer],
) -> pd.DataFrame:
    """The expected state of each customer, as of event time or the customer's last transaction, whichever is later."""
    as_of = pd.concat([event_time.reindex(counted.index), counted["last_event_at"]], axis=1).max(axis=1)
    active, own = _versions(stream, counted.index)
    buyers = counted[(counted["frequency"] > 0) | counted.index.isin(_without_orders(stream))].copy()
    # The recency of a customer whose orders were all cancelled counts from the last event.
    buyers["last_purchase_at"] = buyers["last_purchase_at"].fillna(buyers["last_event_at"])
    buyers["recency_days"] = (as_of[buyers.index] - buyers["last_purchase_at"]).dt.days
    # A customer who waits to be rescored is still in a segment of the older model.
    under = own.where(own.isin(list(scorers)) | own.isna(), active)[buyers.index]
    running = RunningTotals.of(_orders(applied)) if any(_has_window(scorer) for scorer in scorers.values()) else None
    states = [
        scorers[version].scored(rows)
        if running is None or not _has_window(scorers[version])
        else scored_in_window(scorers[version], rows, as_of, running)
        for version, rows in buyers.groupby(under)
        if version in scorers
    ]
    scored = pd.concat(states) if states else pd.DataFrame(columns=["segment", "next_change_at", "next_segment"])
    return counted.join(scored).assign(model_version=active)


def _has_window(scorer: Scorer) -> bool:
    return scorer.model.window_days is not None


def _orders(applied: pd.DataFrame) -> pd.DataFrame:
    """What counts in a window, with moments in microseconds."""
    rows = applied[applied["kind"].isin(["sale", "return"])]
    return rows.assign(moment=rows["occurred_at"].dt.as_unit("us").astype("int64"))


def _with_replaced_events(counted: pd.DataFrame, stream: StreamState) -> pd.DataFrame:
    """The totals; the last event of a customer with a revision may be that of a content that the ledger lost."""
    stored = stream.customers.drop_duplicates("customer_id").set_index("customer_id")["last_event_at"]
    stored = stored[stored.index.isin(_revised(stream))].reindex(counted.index)
    return counted.assign(last_event_at=counted["last_event_at"].where(~(stored > counted["last_event_at"]), stored))


def _without_orders(stream: StreamState) -> pd.Series:
    """Customers who have been in a segment, and whose purchases may all have been cancelled."""
    entered = stream.customers.loc[stream.customers["sequence"] > 0, "customer_id"]
    return entered[entered.isin(_revised(stream))]


def _revised(stream: StreamState) -> pd.Series:
    return stream.transactions.loc[stream.transactions["revision"] > 0, "customer_id"]


def _versions(stream: StreamState, customers: pd.Index) -> tuple[pd.Series, pd.Series]:
    """The active model of each customer's partition, and the model that the customer was last scored under."""
    stored = stream.customers.drop_duplicates("customer_id").set_index("customer_id")
    active = stream.progress.set_index("partition")["model_version"].reindex(stored["partition"])
    return active.set_axis(stored.index).reindex(customers), stored["model_version"].reindex(customers)


def _customers(expected: pd.DataFrame, actual: pd.DataFrame) -> list[pd.DataFrame]:
    joined = expected.reset_index().merge(actual, on="customer_id", suffixes=("_expected", "_actual"))
    missing = expected.index.difference(pd.Index(actual["customer_id"])).to_series()
    unknown = actual["customer_id"][~actual["customer_id"].isin(expected.index)]
    return [
        differences("customer", missing, "row", "present", "missing"),
        differences("customer", unknown, "row", "missing", "present"),
        *unequal("customer", joined, STATE),
    ]


def _history(stream: StreamState, scorers: Mapping[str, Scorer]) -> list[pd.DataFrame]:
    """Each customer's changes must form an unbroken chain that ends with the customer's current segment."""
    changes = stream.changes.sort_values(["customer_id", "sequence"])
    return [
        *broken_chains("history", changes, stream.whole_since, stream.customers, _LINKS),
        *unequal("history", _rescored(changes, scorers), ["to_segment"]),
    ]


def _rescored(changes: pd.DataFrame, scorers: Mapping[str, Scorer]) -> pd.DataFrame:
    """The target of each change, recomputed from its own R, F, M under its own model, and the stored target."""
    points = np.column_stack([changes["recency_days"], changes["frequency"], changes["monetary_units"] / MONEY_UNITS])
    targets = pd.Series("under an unknown model", changes.index, dtype=object)
    for version, rows in changes.groupby("model_version").indices.items():
        if scorer := scorers.get(str(version)):
            names: Any = scorer.segments(points[rows])
            targets.iloc[rows] = names
    return pd.DataFrame(
        {
            "customer_id": changes["customer_id"],
            "to_segment_expected": targets,
            "to_segment_actual": changes["to_segment"],
        }
    )
