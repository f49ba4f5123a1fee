"""What happens to each customer in the order of the log, reconstructed from a dataset and from what Postgres keeps.

A replay sends a dataset in the order of event time and transaction id. For customers without late transactions that is
the order of the log. Postgres keeps the watermark at which a model was activated, but not which transactions between
that watermark and the next one came before the activation. Each stored change carries its model, which decides it for
most transactions; :func:`activation_places` returns the places that remain possible.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from batch.ledger import KEY
from data.postgres.frames import MOMENT
from data.postgres.stream_state import StreamState
from models.units import Ints

_LONG_AGO = np.iinfo(np.int64).min


@dataclass(frozen=True)
class AppliedLog:
    """The transactions that the stream has applied, and the activations, by partition.

    Parameters
    ----------
    transactions
        ``customer_id, transaction_id, moment`` (microseconds), ``kind, amount_units, partition``, and ``place``: how
        many transactions of the partition are before it.
    activations
        ``partition, number`` (0, 1, ... within the partition), ``model_version, moment`` (the watermark, microseconds).
    first_models
        By partition: the model before all activations; None if the partition began without a model.
    """

    transactions: pd.DataFrame
    activations: pd.DataFrame
    first_models: pd.Series

    @classmethod
    def of(cls, applied: pd.DataFrame, stream: StreamState) -> "AppliedLog":
        """The log, as far as the dataset's applied transactions and the stream's tables show it."""
        partition_by_customer = stream.customers.drop_duplicates("customer_id").set_index("customer_id")["partition"]
        rows = applied[applied["customer_id"].isin(partition_by_customer.index)]
        rows = rows.assign(
            partition=partition_by_customer.reindex(rows["customer_id"]).array,
            moment=rows["occurred_at"].astype("int64"),
        )
        rows["place"] = rows.groupby("partition").cumcount()
        active = stream.progress.rename(columns={"model_since": "since"})[["partition", "model_version", "since"]]
        columns = ["partition", "model_version", "since"]
        before = stream.progress.loc[stream.progress["began_without_model"], ["partition"]]
        never = pd.Series(index=before.index, dtype=MOMENT)
        parts = [before.assign(model_version=None, since=never), stream.periods[columns]]
        parts = [part for part in [*parts, active] if len(part)]
        periods = pd.concat(parts, ignore_index=True) if parts else active
        periods = periods[(periods.index < len(before)) | periods["model_version"].notna()]
        periods["number"] = periods.groupby("partition").cumcount()
        later = periods[periods["number"] > 0]
        activations = later.assign(number=later["number"] - 1, moment=later["since"].astype("int64"))
        first = periods[periods["number"] == 0].set_index("partition")["model_version"]
        return cls(rows, activations[["partition", "number", "model_version", "moment"]], first)

    def events(self, places: pd.Series, waiting: pd.Index) -> pd.DataFrame:
        """The events of :func:`batch.history.expected_changes`.

        ``places`` has the number of transactions before each activation, by customer and activation number.
        ``waiting`` are customers who are not rescored yet for the newest activation of their partition.
        """
        rows = self.transactions
        sent = rows.assign(key=2 * rows["place"] + 1, number=-1, model_version=None)
        customers = rows.drop_duplicates("customer_id")[["customer_id", "partition"]]
        newest = self.activations.groupby("partition")["number"].transform("max")
        activated = customers.merge(
            self.activations.assign(newest=self.activations["number"] == newest), on="partition"
        )
        activated = activated[~(activated["newest"] & activated["customer_id"].isin(waiting))]
        at = pd.MultiIndex.from_frame(activated[["customer_id", "number"]])
        activated = activated.assign(
            key=2 * places.reindex(at).to_numpy(dtype=np.int64), kind="model", amount_units=0, transaction_id=None
        )
        events = pd.concat([sent, activated], ignore_index=True) if len(activated) else sent
        events = events.sort_values(["customer_id", "key", "number"], kind="stable", ignore_index=True)
        version = events.groupby("customer_id", sort=False)["model_version"].ffill()
        first = self.first_models.reindex(events["partition"]).set_axis(events.index)
        return events.assign(model_version=version.where(version.notna(), first))

    def places(self, by_activation: dict[tuple[int, int], int]) -> pd.Series:
        """The argument of :meth:`events` if each activation has one place for all customers of its partition."""
        customers = self.transactions.drop_duplicates("customer_id")[["customer_id", "partition"]]
        rows = customers.merge(self.activations, on="partition")
        keys = zip(rows["partition"], rows["number"], strict=True)
        at = pd.MultiIndex.from_frame(rows[["customer_id", "number"]])
        return pd.Series([by_activation[key] for key in keys], at, dtype="int64")


def activation_places(log: AppliedLog, changes: pd.DataFrame) -> dict[tuple[int, int], tuple[int, int]]:
    """The first and the last possible place of each activation, by partition and number.

    Transactions up to the watermark of an activation are before it, those after the next one's are behind it. In
    between, a transaction that caused a change under the new model is behind it, and one under the old model before it.
    Where stored changes contradict each other, the places that contradict the fewest are possible.
    """
    found = {}
    caused = changes.dropna(subset="transaction_id").drop_duplicates(KEY)[[*KEY, "model_version"]]
    for partition in log.activations["partition"].drop_duplicates().tolist():
        activations = log.activations[log.activations["partition"] == partition]
        rows = log.transactions[log.transactions["partition"] == partition]
        voters = rows.merge(caused, on=KEY)
        moments = rows["moment"].cummax().to_numpy()
        versions = [log.first_models[partition], *activations["model_version"]]
        ends = [*activations["moment"].iloc[1:], np.iinfo(np.int64).max]
        for number, (moment, end) in enumerate(zip(activations["moment"], ends, strict=True)):
            lowest, highest = np.searchsorted(moments, [moment, end], side="right")
            of_old = voters["place"][voters["model_version"] == versions[number]].to_numpy()
            of_new = voters["place"][voters["model_version"] == versions[number + 1]].to_numpy()
            found[partition, number] = _fewest_contradictions(int(lowest), int(highest), of_old, of_new)
    return found


def _fewest_contradictions(lowest: int, highest: int, of_old: Ints, of_new: Ints) -> tuple[int, int]:
    size = highest - lowest + 1
    old = np.bincount(of_old[(of_old >= lowest) & (of_old < highest)] - lowest, minlength=size)
    new = np.bincount(of_new[(of_new >= lowest) & (of_new < highest)] - lowest, minlength=size)
    # At place k, old changes from k on contradict, and new ones before k.
    wrong = old.sum() - np.concatenate([[0], np.cumsum(old)[:-1]]) + np.concatenate([[0], np.cumsum(new)[:-1]])
    best = np.flatnonzero(wrong == wrong.min())
    return lowest + int(best[0]), lowest + int(best[-1])
