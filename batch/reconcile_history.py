"""Compare every stored segment change with the history that brute force computes from the dataset."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from batch.chains import first_sequences
from batch.differences import NONE_FOUND, differences, unequal
from batch.history import CHANGE, expected_changes
from batch.ledger import KEY, watermarks
from batch.log_order import AppliedLog, activation_places
from batch.scorer import Scorer, Scorers
from data.kafka.partitioner import partition_of
from data.postgres.frames import MOMENT
from data.postgres.stream_state import StreamState
from models.segment_model import SegmentModel

# How many transactions of one customer may be between two possible places of an activation.
_TRIES = 20
_NUMBER = ["customer_id", "sequence"]
_FIELDS = [name for name in CHANGE if name not in _NUMBER]
_LONG_AGO = np.iinfo(np.int64).min


@dataclass(frozen=True)
class HistoryCheck:
    """What the comparison found: its differences, and how many customers and changes it compared.

    ``not_comparable`` are customers whose stored history is not the expected one, in partitions with late transactions.
    A late transaction takes effect at the as-of time at which it arrives, which Postgres does not keep, and so does a
    revision.
    """

    differences: pd.DataFrame
    customers: int
    changes: int
    not_comparable: tuple[str, ...]


def check_history(dataset: pd.DataFrame, stream: StreamState, models: dict[str, SegmentModel]) -> HistoryCheck:
    """Recompute all changes of all customers, and compare them and what only the log's order decides.

    Parameters
    ----------
    dataset
        The distinct transactions in the order in which they were sent: ``transaction_id, customer_id, occurred_at,
        kind, amount_units, country``.
    stream
        The stored state of the stream.
    models
        By version: all models that the stream refers to.
    """
    # The history of a revised transaction depends on contents that the ledger has lost.
    revised = stream.transactions.loc[stream.transactions["revision"] > 0, "customer_id"].unique()
    applied = dataset[~dataset["customer_id"].isin(revised)].merge(stream.transactions[KEY], on=KEY)
    stream = stream.without(revised)
    scorers = {version: Scorer.of(model) for version, model in models.items()}
    log = AppliedLog.of(applied, stream)
    expected = _Expectation(log, stream, scorers).changes()
    found = _compared(expected, stream)
    excused = _excused(found, stream)
    kept = found[~found["customer_id"].isin(excused)]
    customers = log.transactions["customer_id"].drop_duplicates()
    compared = stream.changes[~stream.changes["customer_id"].isin(excused)]
    others = [kept, *_wrong_partitions(stream), *_positions(stream), *_countries(log, stream)]
    return HistoryCheck(
        pd.concat([NONE_FOUND, *others], ignore_index=True),
        customers=int((~customers.isin(excused)).sum()),
        changes=len(compared),
        not_comparable=tuple(sorted(excused.union(revised))),
    )


def expected_history(dataset: pd.DataFrame, stream: StreamState, models: dict[str, SegmentModel]) -> pd.DataFrame:
    """All changes that brute force computes from a dataset; arguments as for :func:`check_history`.

    The columns of :data:`batch.history.CHANGE`, with ``effective_at`` as a moment.
    """
    applied = dataset.merge(stream.transactions[KEY], on=KEY)
    scorers = {version: Scorer.of(model) for version, model in models.items()}
    changes = _Expectation(AppliedLog.of(applied, stream), stream, scorers).changes()
    moments = pd.to_datetime(changes["effective_at"].astype("int64"), unit="us", utc=True)
    return changes.assign(effective_at=moments.astype(MOMENT))


@dataclass(frozen=True)
class _Expectation:
    """The expected changes, and the places of activations that fit the stored changes best."""

    log: AppliedLog
    stream: StreamState
    scorers: Scorers

    def changes(self) -> pd.DataFrame:
        """The expected changes of all customers."""
        possible = activation_places(self.log, self.stream.changes)
        chosen = {at: first for at, (first, _) in possible.items()}
        for at, (first, last) in possible.items():
            if first < last:
                chosen[at] = self._best_place(chosen, at, first, last)
        return self._with_places(self.log.places(chosen), None)

    def _best_place(self, chosen: dict[tuple[int, int], int], at: tuple[int, int], first: int, last: int) -> int:
        """The place from ``first`` to ``last`` with which the fewest customers differ from what is stored."""
        partition, number = at
        rows = self.log.transactions
        between = rows[(rows["partition"] == partition) & (rows["place"] >= first) & (rows["place"] < last)]
        rank = between.groupby("customer_id").cumcount()
        wrong = np.zeros(last - first + 1, dtype=np.int64)
        for index in range(min(int(rank.max()) + 1, _TRIES) + 1):
            # Every customer has the activation just before their transaction number ``index`` of those in between.
            own = between[rank == index].set_index("customer_id")["place"]
            before = between[rank == index - 1].set_index("customer_id")["place"]
            places = self.log.places(chosen | {at: last})
            concerned = own.index.union(before.index)
            for customer in concerned:
                places[customer, number] = own.get(customer, last)
            differing = self._differing(self._with_places(places, concerned), concerned)
            for customer in differing:
                # Wrong for all places after the customer's transaction before this one, up to this one.
                start = before[customer] + 1 if customer in before.index else first
                wrong[start - first : own.get(customer, last) - first + 1] += 1
        return first + int(wrong.argmin())

    def _differing(self, expected: pd.DataFrame, customers: pd.Index) -> set[str]:
        of_them = self.stream.changes[self.stream.changes["customer_id"].isin(customers)]
        return set(_changes_compared(expected, of_them, self.stream.whole_since)["customer_id"])

    def _with_places(self, places: pd.Series, customers: pd.Index | None) -> pd.DataFrame:
        events = self.log.events(places, self._waiting())
        if customers is not None:
            events = events[events["customer_id"].isin(customers)]
        until = watermarks(self.stream)
        micros = until.astype("int64").where(until.notna(), _LONG_AGO)
        return expected_changes(events, micros[~micros.index.duplicated()], self.scorers)

    def _waiting(self) -> pd.Index:
        """Customers who are not rescored yet under the active model of their partition."""
        customers = self.stream.customers.drop_duplicates("customer_id").set_index("customer_id")
        active = self.stream.progress.set_index("partition")["model_version"].reindex(customers["partition"])
        own = customers["model_version"]
        waits: pd.Series = own.isin(list(self.scorers)) & (own != active.set_axis(own.index))
        found: pd.Index = own[waits].index
        return found


def _compared(expected: pd.DataFrame, stream: StreamState) -> pd.DataFrame:
    known = stream.changes["customer_id"].isin(stream.customers["customer_id"])
    return _changes_compared(expected, stream.changes[known], stream.whole_since)


def _changes_compared(expected: pd.DataFrame, stored: pd.DataFrame, whole_since: datetime | None) -> pd.DataFrame:
    """The differences between expected and stored changes that are not pruned, number by number of each customer."""
    begins = first_sequences(stored, whole_since)
    kept = begins.reindex(expected["customer_id"], fill_value=1).to_numpy()
    expected = expected[expected["sequence"] >= kept]
    expected = expected.assign(
        effective_at=pd.to_datetime(expected["effective_at"].astype("int64"), unit="us", utc=True).astype(MOMENT)
    )
    joined = expected.merge(stored, on=_NUMBER, how="outer", suffixes=("_expected", "_actual"), indicator=True)
    absent, extra = (joined[joined["_merge"] == side] for side in ("left_only", "right_only"))
    both = joined[joined["_merge"] == "both"]
    label = "change " + both["sequence"].astype("str") + " "
    fields = [name for name in _FIELDS if name not in ("gross_units", "returned_units")]
    older = _written_before_the_columns(both)
    newer = both[~older]
    found = [
        differences("history", absent["customer_id"], _named(absent), absent["to_segment_expected"], "missing"),
        differences("history", extra["customer_id"], _named(extra), "missing", extra["to_segment_actual"]),
        *unequal("history", both, fields, label),
        *unequal("history", newer, ["gross_units", "returned_units"], label[~older]),
    ]
    return pd.concat([NONE_FOUND, *found], ignore_index=True)


def _named(changes: pd.DataFrame) -> pd.Series:
    return "change " + changes["sequence"].astype("str")


def _written_before_the_columns(changes: pd.DataFrame) -> pd.Series:
    """Which changes are older than the columns gross and returned: no earlier one of the partition has them."""
    has = (changes["gross_units_actual"] >= 0) | (changes["returned_units_actual"] >= 0)
    first = changes[has].groupby("partition")["position"].min()
    return changes["position"] < first.reindex(changes["partition"]).set_axis(changes.index).fillna(np.inf)


def _excused(found: pd.DataFrame, stream: StreamState) -> frozenset[str]:
    """Customers who differ in partitions where late transactions can explain it.

    A late transaction changes the history of one customer. More differing customers than late transactions are never
    explained, so that all of them count as differences.
    """
    differing = pd.Series(found["customer_id"].unique(), dtype="object")
    stored_partition = stream.customers.drop_duplicates("customer_id").set_index("customer_id")["partition"]
    partition = stored_partition.reindex(differing).set_axis(differing.index)
    late = stream.progress.set_index("partition")["late"]
    counts = partition.groupby(partition).transform("size")
    explained = counts <= late.reindex(partition).set_axis(partition.index)
    return frozenset(differing[explained.fillna(False)])


def _wrong_partitions(stream: StreamState) -> list[pd.DataFrame]:
    """Customers and changes must be in the partition of the customer's key."""
    partitions = int(stream.progress["partition"].max()) + 1 if len(stream.progress) else 1
    found = []
    for what, rows in (("customer", stream.customers), ("history", stream.changes)):
        known = rows["customer_id"].drop_duplicates()
        expected_partition = pd.Series([partition_of(customer, partitions) for customer in known], known.array)
        joined = pd.DataFrame(
            {
                "customer_id": rows["customer_id"],
                "partition_expected": expected_partition.reindex(rows["customer_id"]).array,
                "partition_actual": rows["partition"],
            }
        )
        found += unequal(what, joined, ["partition"], "" if what == "customer" else _named(rows) + " ")
    return found


def _positions(stream: StreamState) -> list[pd.DataFrame]:
    """Positions must be those of the partition's outbox, and ascend with the sequence of each customer."""
    changes = stream.changes.sort_values(_NUMBER)
    last = stream.progress.set_index("partition")["change_position"]
    last = last.reindex(changes["partition"]).set_axis(changes.index).fillna(0)
    before = changes.groupby("customer_id")["position"].shift(fill_value=0)
    wrong = changes[(changes["position"] > last) | (changes["position"] <= before)]
    return [differences("history", wrong["customer_id"], _named(wrong) + " position", "in order", wrong["position"])]


def _countries(log: AppliedLog, stream: StreamState) -> list[pd.DataFrame]:
    """The country of a customer is that of the last transaction, which is not known for customers with late ones."""
    if "country" not in log.transactions:
        return []
    late = stream.progress.loc[stream.progress["late"] > 0, "partition"]
    rows = log.transactions[~log.transactions["partition"].isin(late)]
    last = rows.drop_duplicates("customer_id", keep="last")[["customer_id", "country"]]
    joined = last.merge(
        stream.customers[["customer_id", "country"]], on="customer_id", suffixes=("_expected", "_actual")
    )
    return unequal("customer", joined, ["country"])
