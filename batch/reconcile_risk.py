"""Compare every customer's stored risk state with a recomputation from the totals that pandas counts."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from batch.chains import Links, broken_chains
from batch.differences import differences, unequal
from batch.risk_moments import risk_moments
from data.postgres.stream_state import StreamState
from models.rhythm.carried import rhythm_of
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.seasonal_clock import NEVER
from models.segment_model import SegmentModel
from models.units import Ints

_LINKS = Links("from_state", "to_state", "state", "since")
_STATES = np.array(["on_rhythm", "due", "overdue", "presumed_lost"], dtype=object)


def reconcile_risk(
    counted: pd.DataFrame,
    event_time: "pd.Series[pd.Timestamp]",
    stream: StreamState,
    models: Mapping[str, SegmentModel],
) -> list[pd.DataFrame]:
    """All differences between stored risk states and those that the orders imply.

    Parameters
    ----------
    counted
        By ``customer_id``: ``frequency, first_purchase_at, last_purchase_at, last_event_at``.
    event_time
        The watermark of the partition of each customer.
    stream
        The stored state of the stream.
    models
        By version: all models that partitions refer to.

    Returns
    -------
    list of DataFrame
        As :func:`batch.reconcile.reconcile` returns them, ``what`` being ``risk`` or ``risk history``. A customer who
        still waits to enter a state of a newly activated rhythm model differs in ``rhythm_version`` only.
    """
    rhythms = {version: rhythm_of(model) for version, model in models.items()}
    known = {rhythm.version: rhythm for rhythm in rhythms.values() if rhythm is not None}
    versions = stream.progress["model_version"].map(lambda version: getattr(rhythms.get(version), "version", None))
    active = pd.Series(versions.array, stream.progress["partition"], dtype=object)
    partition_by_customer = stream.customers.drop_duplicates("customer_id").set_index("customer_id")["partition"]
    stored = stream.risk_states.merge(
        partition_by_customer.rename("customer_partition"), left_on="customer_id", right_index=True, how="left"
    ).reset_index(drop=True)
    own = counted.reindex(stored["customer_id"])
    as_of = pd.concat([event_time.reindex(own.index), own["last_event_at"]], axis=1).max(axis=1)
    expected = _states(own, as_of, stored["rhythm_version"], known).assign(
        rhythm_version=active.reindex(stored["customer_partition"]).array, partition=stored["customer_partition"].array
    )
    joined = stored.join(expected.add_suffix("_expected")).rename(columns={name: f"{name}_actual" for name in expected})
    # Nothing says how a model that is gone decides; that its customers still wait is a difference already.
    unknown = joined["rhythm_version_actual"].notna() & ~joined["rhythm_version_actual"].isin(list(known))
    return [
        *unequal("risk", joined, ["partition", "rhythm_version"]),
        *unequal("risk", joined[~unknown], ["state", "next_at"]),
        _without_state(counted, partition_by_customer, active, stored),
        *_history(stream),
    ]


def _states(
    own: pd.DataFrame, as_of: "pd.Series[pd.Timestamp]", version: "pd.Series[str]", known: Mapping[str, RhythmModel]
) -> pd.DataFrame:
    """The expected ``state`` and ``next_at`` of customers, each under the rhythm model that they are in."""
    state, next_at = np.full(len(own), None, dtype=object), np.full(len(own), NEVER)
    buys = (own["frequency"] > 0).to_numpy()
    for name, rhythm in known.items():
        rows = np.flatnonzero(buys & (version == name).to_numpy())
        moments = (own["first_purchase_at"], own["last_purchase_at"], as_of)
        first, last, now = (_micros(each.iloc[rows]) for each in moments)
        begins = risk_moments(rhythm, first, last, own["frequency"].iloc[rows].to_numpy().astype(np.int64))
        state[rows] = _STATES[(begins <= now[:, None]).sum(axis=1)]
        next_at[rows] = np.where(begins > now[:, None], begins, NEVER).min(axis=1)
    # The smallest integer is how a missing moment is stored.
    missing = np.where(next_at == NEVER, np.iinfo(np.int64).min, next_at).astype("datetime64[us]")
    return pd.DataFrame({"state": state, "next_at": pd.Series(missing).dt.tz_localize("UTC")})


def _micros(moments: "pd.Series[pd.Timestamp]") -> Ints:
    return moments.dt.as_unit("us").astype("int64").to_numpy().astype(np.int64)


def _without_state(
    counted: pd.DataFrame, partition_by_customer: "pd.Series[int]", active: "pd.Series[str]", stored: pd.DataFrame
) -> pd.DataFrame:
    """Customers with an order, in partitions whose model predicts orders, who are in no risk state."""
    rhythm = active.reindex(partition_by_customer).set_axis(partition_by_customer.index)
    buyers = counted.index[counted["frequency"] > 0].intersection(partition_by_customer.index)
    absent = buyers.difference(pd.Index(stored["customer_id"]))
    wanted = rhythm.reindex(absent).dropna()
    return differences("risk", wanted.index.to_series(), "rhythm_version", wanted, "missing")


def _history(stream: StreamState) -> list[pd.DataFrame]:
    """Each customer's changes of risk state must form an unbroken chain that ends with the stored risk state."""
    return broken_chains("risk history", stream.risk_changes, stream.risk_whole_since, stream.risk_states, _LINKS)
