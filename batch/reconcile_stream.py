"""Compare a running stream, as it is in Postgres, with a recomputation from its raw dataset."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest

import pandas as pd
from sqlalchemy import Engine

from batch.dataset_frames import first_customers, transactions_of
from batch.ledger import APPLIED, DEAD_LETTER, FORGOTTEN, MISSING, NOT_DUE, Arrivals, revised_count
from batch.reconcile import reconcile
from batch.reconcile_history import HistoryCheck, check_history
from data.datasets.dataset import Dataset
from data.postgres import model_registry
from data.postgres.database import engine
from data.postgres.stream_state import ALL_CUSTOMERS, CustomerRange, StreamState, stream_snapshot

#: The default of how many transactions are in memory at a time, with their customers and changes.
AT_A_TIME = 500_000
_ARRIVALS = ("applied", "dead_letters", "not_due", "missing", "forgotten", "revised")
_COUNTS = ("customers", "changes", "risk_states", *_ARRIVALS)


@dataclass(frozen=True)
class Reconciliation:
    """What was compared, and the differences.

    Parameters
    ----------
    until
        The event time up to which the stream was compared, which is the watermark of its slowest partition; None before
        the first tick.
    customers, changes
        How many stored ones were compared. With a history check, every change was recomputed.
    applied, dead_letters, not_due, missing, forgotten
        The distinct transactions of the dataset by what became of them; see :mod:`batch.ledger`.
    revised
        How many transactions of the dataset were edited or cancelled since; they are taken as the ledger has them.
    risk_states
        How many risk states were compared; 0 without a model that predicts orders.
    pruned_before
        Changes and risk changes that are older were pruned and not compared; None if none was pruned.
    differences
        See :func:`batch.reconcile.reconcile`.
    lost
        Records that were never applied; see :class:`data.postgres.stream_state.StreamState`.
    history
        The history check, if there was one.
    """

    until: datetime | None
    customers: int
    changes: int
    applied: int
    dead_letters: int
    not_due: int
    missing: int
    forgotten: int
    revised: int
    risk_states: int
    differences: pd.DataFrame
    lost: pd.DataFrame
    pruned_before: datetime | None = None
    history: HistoryCheck | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was compared, so that no difference means nothing."""
        nothing_recomputed = self.history is not None and not self.history.customers
        return not len(self.differences) and (not self.applied or not self.customers or nothing_recomputed)


def check(database_url: str, dataset: Dataset, *, history: bool = False, at_a_time: int = AT_A_TIME) -> Reconciliation:
    """Read one consistent state of the stream, and compare it with the dataset.

    Parameters
    ----------
    database_url
        The stream's Postgres, as ``postgresql://user@host/db``.
    dataset
        What was replayed into the stream.
    history
        Also recompute every change of every customer by brute force. Everything is in memory then.
    at_a_time
        About how many transactions are in memory at a time.

    Raises
    ------
    NotFoundError
        If no model has been registered yet.
    """
    postgres = engine(database_url)
    try:
        model_registry.require_champion_version(postgres)
        with stream_snapshot(database_url) as snapshot:
            # Where an activation took effect shows only in the changes of all customers together.
            ranges = [ALL_CUSTOMERS] if history else _ranges(dataset, at_a_time)
            return _sum([_check(snapshot.state(each), each, dataset, postgres, history) for each in ranges])
    finally:
        postgres.dispose()


def _ranges(dataset: Dataset, at_a_time: int) -> list[CustomerRange]:
    """Ranges of customers that together are all, so that only some transactions are in memory at a time."""
    firsts = ["", *first_customers(dataset, at_a_time)[1:]]
    return [CustomerRange(first, end) for first, end in zip_longest(firsts, firsts[1:])]


def _check(
    stream: StreamState, customers: CustomerRange, dataset: Dataset, postgres: Engine, history: bool
) -> Reconciliation:
    models = dict(model_registry.load_all(postgres, stream.model_versions))
    transactions = transactions_of(dataset, *customers)
    found = reconcile(transactions, stream, models)
    arrivals = Arrivals.of(transactions, stream)
    recomputed = check_history(arrivals.transactions.drop(columns="arrival"), stream, models) if history else None
    if recomputed is not None:
        found = pd.concat([found, recomputed.differences], ignore_index=True)
    return Reconciliation(
        until=_until(stream),
        customers=len(stream.customers) if recomputed is None else recomputed.customers,
        changes=len(stream.changes) if recomputed is None else recomputed.changes,
        applied=arrivals.count(APPLIED),
        dead_letters=arrivals.count(DEAD_LETTER),
        not_due=arrivals.count(NOT_DUE),
        missing=arrivals.count(MISSING),
        forgotten=arrivals.count(FORGOTTEN),
        revised=revised_count(arrivals.transactions, stream),
        risk_states=len(stream.risk_states),
        differences=found,
        lost=stream.lost,
        pruned_before=max(filter(None, [stream.whole_since, stream.risk_whole_since]), default=None),
        history=recomputed,
    )


def _sum(parts: Sequence[Reconciliation]) -> Reconciliation:
    """The reconciliation of all ranges together."""
    counts = {name: sum(getattr(part, name) for part in parts) for name in _COUNTS}
    return replace(parts[0], differences=pd.concat([part.differences for part in parts], ignore_index=True), **counts)


def differences(database_url: str, dataset: Dataset) -> pd.DataFrame:
    """The differences of :func:`check` without a history check; no rows if the stream is correct."""
    return check(database_url, dataset).differences


def _until(stream: StreamState) -> datetime | None:
    slowest = stream.progress["event_time"].min(skipna=False)
    return None if pd.isna(slowest) else slowest.to_pydatetime()
