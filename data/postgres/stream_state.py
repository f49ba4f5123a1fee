"""The state of the stream: one snapshot of its tables as pandas frames."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Connection, DateTime, Integer, Select, select

from data.postgres import tables
from data.postgres.database import engine
from data.postgres.frames import MOMENT, frame, money_units


@dataclass(frozen=True)
class StreamState:
    """The tables that :func:`batch.reconcile.reconcile` checks; money in ten-thousandths, moments in UTC.

    Parameters
    ----------
    customers
        ``customer_id, partition, first_purchase_at, last_purchase_at, last_event_at, frequency, gross_units,
        returned_units, segment, segment_since, sequence, model_version, next_change_at, next_segment``.
    transactions
        The ledger: ``customer_id, transaction_id, occurred_at, kind, amount_units``.
    changes
        ``customer_id, sequence, from_segment, to_segment, effective_at, recency_days, frequency, monetary_units,
        model_version``.
    progress
        ``partition, event_time`` (the watermark), and ``model_version`` of the active model.
    """

    customers: pd.DataFrame
    transactions: pd.DataFrame
    changes: pd.DataFrame
    progress: pd.DataFrame

    @property
    def model_versions(self) -> set[str]:
        """The versions of all models that these rows refer to."""
        parts = (self.customers, self.changes, self.progress)
        return {str(version) for part in parts for version in part["model_version"].dropna().unique()}


def read_stream_state(database_url: str) -> StreamState:
    """Read the tables in one snapshot, while workers go on writing."""
    source = engine(database_url)
    try:
        with source.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            return StreamState(
                customers=_frame(connection, _customers()),
                transactions=_frame(connection, _transactions()),
                changes=_frame(connection, _changes()),
                progress=_frame(connection, _progress()),
            )
    finally:
        source.dispose()


def _customers() -> Select[Any]:
    table = tables.customers.c
    return select(
        table.customer_id,
        table.partition,
        table.first_purchase_at,
        table.last_purchase_at,
        table.last_event_at,
        table.frequency,
        money_units(table.gross).label("gross_units"),
        money_units(table.returned).label("returned_units"),
        table.segment,
        table.segment_since,
        table.sequence,
        table.model_version,
        table.next_change_at,
        table.next_segment,
    )


def _transactions() -> Select[Any]:
    table = tables.transactions.c
    amount = money_units(table.amount).label("amount_units")
    return select(table.customer_id, table.transaction_id, table.occurred_at, table.kind, amount)


def _changes() -> Select[Any]:
    table = tables.segment_changes.c
    return select(
        table.customer_id,
        table.sequence,
        table.from_segment,
        table.to_segment,
        table.effective_at,
        table.recency_days,
        table.frequency,
        money_units(table.monetary).label("monetary_units"),
        table.model_version,
    )


def _progress() -> Select[Any]:
    table = tables.stream_progress.c
    return select(table.partition, table.event_time, table.model_version)


def _frame(connection: Connection, query: Select[Any]) -> pd.DataFrame:
    """The rows, with dtypes from the query's types: an empty or all-null column keeps its type."""
    rows = frame(connection, query)
    for column in query.selected_columns:
        if isinstance(column.type, DateTime):
            rows[column.name] = pd.to_datetime(rows[column.name], utc=True).astype(MOMENT)
        else:
            rows[column.name] = rows[column.name].astype("int64" if isinstance(column.type, Integer) else "str")
    return rows
