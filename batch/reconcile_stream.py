"""Compare a running stream, as it is in Postgres, with a recomputation from its raw dataset."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from batch.ledger import APPLIED, DEAD_LETTER, FORGOTTEN, MISSING, NOT_DUE, Arrivals
from batch.reconcile import reconcile
from batch.reconcile_history import HistoryCheck, check_history
from data.datasets.dataset import Dataset
from data.postgres import model_registry
from data.postgres.database import engine
from data.postgres.stream_state import StreamState, read_stream_state


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
    differences: pd.DataFrame
    lost: pd.DataFrame
    history: HistoryCheck | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was compared, so that no difference means nothing."""
        nothing_recomputed = self.history is not None and not self.history.customers
        return not len(self.differences) and (not self.applied or not self.customers or nothing_recomputed)


def check(database_url: str, dataset: Dataset, *, history: bool = False) -> Reconciliation:
    """Read one consistent state of the stream, and compare it with the dataset.

    Parameters
    ----------
    database_url
        The stream's Postgres, as ``postgresql://user@host/db``.
    dataset
        What was replayed into the stream.
    history
        Also recompute every change of every customer by brute force.

    Raises
    ------
    NotFoundError
        If no model has been registered yet.
    """
    stream = read_stream_state(database_url)
    postgres = engine(database_url)
    model_registry.require_champion_version(postgres)
    models = dict(model_registry.load_all(postgres, stream.model_versions))
    postgres.dispose()
    found = reconcile(dataset.transactions, stream, models)
    arrivals = Arrivals.of(dataset.transactions, stream)
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
        differences=found,
        lost=stream.lost,
        history=recomputed,
    )


def differences(database_url: str, dataset: Dataset) -> pd.DataFrame:
    """The differences of :func:`check` without a history check; no rows if the stream is correct."""
    return check(database_url, dataset).differences


def _until(stream: StreamState) -> datetime | None:
    slowest = stream.progress["event_time"].min(skipna=False)
    return None if pd.isna(slowest) else slowest.to_pydatetime()
