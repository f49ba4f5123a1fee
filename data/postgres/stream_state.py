"""The state of the stream: one snapshot of its tables as pandas frames."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
from sqlalchemy import Boolean, Connection, DateTime, Integer, Select, Table, func, literal, select

from data.postgres import dead_letters, erasures, tables
from data.postgres.database import engine
from data.postgres.erasures import Forgotten
from data.postgres.frames import MOMENT, frame, money_units
from data.postgres.kept_history import whole_since


@dataclass(frozen=True)
class StreamState:
    """The tables that :func:`batch.reconcile.reconcile` checks; money in ten-thousandths, moments in UTC.

    Parameters
    ----------
    customers
        ``customer_id, partition, country, first_purchase_at, last_purchase_at, last_event_at, frequency, gross_units,
        returned_units, segment, segment_since, sequence, model_version, next_change_at, next_segment``.
    transactions
        The ledger: ``customer_id, transaction_id, occurred_at, kind, amount_units, country, revision``.
    changes
        ``customer_id, sequence, partition, position, from_segment, to_segment, cause, effective_at, recency_days,
        frequency, monetary_units, gross_units, returned_units`` (-1 in rows that were written before these two columns
        existed), ``model_version, transaction_id``.
    progress
        ``partition, event_time`` (the watermark), ``model_version`` and ``model_since`` of the active model, ``late``
        (the number of late transactions), ``change_position``, and ``began_without_model``: whether the first model
        came by the log.
    periods
        Model periods that are over: ``partition, until, model_version, since``.
    rejected
        The ids of transactions that are dead letters: ``customer_id, transaction_id``.
    lost
        Records that were never applied: ``partition, first_offset, end_offset, reason``. They were deleted from the log
        before they were read, or an operator had them skipped.
    forgotten
        The customers who are forgotten.
    risk_states
        ``customer_id, partition, state, since, sequence, next_at, rhythm_version``.
    risk_changes
        ``customer_id, sequence, partition, from_state, to_state, effective_at``.
    whole_since, risk_whole_since
        From when on the changes and the risk changes of all customers are whole; None if none was pruned. See
        :func:`data.postgres.kept_history.whole_since`.
    """

    customers: pd.DataFrame
    transactions: pd.DataFrame
    changes: pd.DataFrame
    progress: pd.DataFrame
    periods: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["partition", "until", "model_version", "since"])
    )
    rejected: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["customer_id", "transaction_id"]))
    lost: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["partition", "first_offset", "end_offset", "reason"])
    )
    forgotten: Forgotten = field(default_factory=Forgotten)
    risk_states: pd.DataFrame = field(default_factory=lambda: _empty(_risk_states()))
    risk_changes: pd.DataFrame = field(default_factory=lambda: _empty(_risk_changes()))
    whole_since: datetime | None = None
    risk_whole_since: datetime | None = None

    @property
    def model_versions(self) -> set[str]:
        """The versions of all models that these rows refer to."""
        parts = (self.customers, self.changes, self.progress, self.periods)
        return {str(version) for part in parts for version in part["model_version"].dropna().unique()}

    def without(self, customers: Collection[str]) -> "StreamState":
        """The state without some customers."""
        if not len(customers):
            return self

        def others(frame: pd.DataFrame) -> pd.DataFrame:
            return frame[~frame["customer_id"].isin(customers)]

        return replace(
            self,
            customers=others(self.customers),
            transactions=others(self.transactions),
            changes=others(self.changes),
            risk_states=others(self.risk_states),
            risk_changes=others(self.risk_changes),
        )


class CustomerRange(NamedTuple):
    """Customers whose ids are ``first`` or later and before ``end``, byte by byte; without an end, all later ones."""

    first: str = ""
    end: str | None = None


ALL_CUSTOMERS = CustomerRange()


class StreamSnapshot:
    """One moment of the tables, from which ranges of customers are read one after another."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._progress = _frame(connection, _progress())
        self._periods = _frame(connection, _periods())
        self._rejected = _rejected(connection)
        self._lost = _frame(connection, _lost())
        self._forgotten = erasures.read(connection)
        self._whole_since = whole_since(connection, tables.segment_changes)
        self._risk_whole_since = whole_since(connection, tables.risk_changes)

    def state(self, customers: CustomerRange = ALL_CUSTOMERS) -> StreamState:
        """The state of a range of customers, and everything that belongs to none."""
        return StreamState(
            customers=self._of(customers, _customers(), tables.customers),
            transactions=self._of(customers, _transactions(), tables.transactions),
            changes=self._of(customers, _changes(), tables.segment_changes),
            progress=self._progress,
            periods=self._periods,
            rejected=self._rejected,
            lost=self._lost,
            forgotten=self._forgotten,
            risk_states=self._of(customers, _risk_states(), tables.risk_states),
            risk_changes=self._of(customers, _risk_changes(), tables.risk_changes),
            whole_since=self._whole_since,
            risk_whole_since=self._risk_whole_since,
        )

    def _of(self, customers: CustomerRange, query: Select[Any], table: Table) -> pd.DataFrame:
        if customers.first:
            query = query.where(table.c.customer_id >= customers.first)
        if customers.end is not None:
            query = query.where(table.c.customer_id < customers.end)
        return _frame(self._connection, query)


@contextmanager
def stream_snapshot(database_url: str) -> Iterator[StreamSnapshot]:
    """Open a snapshot of the tables, while workers go on writing."""
    source = engine(database_url)
    try:
        with source.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield StreamSnapshot(connection)
    finally:
        source.dispose()


def read_stream_state(database_url: str) -> StreamState:
    """Read the whole state in one snapshot."""
    with stream_snapshot(database_url) as snapshot:
        return snapshot.state()


def _customers() -> Select[Any]:
    table = tables.customers.c
    return select(
        table.customer_id,
        table.partition,
        table.country,
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
    columns = (table.customer_id, table.transaction_id, table.occurred_at, table.kind, amount, table.country)
    return select(*columns, table.revision)


def _changes() -> Select[Any]:
    table = tables.segment_changes.c
    return select(
        table.customer_id,
        table.sequence,
        table.partition,
        table.position,
        table.from_segment,
        table.to_segment,
        table.cause,
        table.effective_at,
        table.recency_days,
        table.frequency,
        money_units(table.monetary).label("monetary_units"),
        func.coalesce(money_units(table.gross), -1).label("gross_units"),
        func.coalesce(money_units(table.returned), -1).label("returned_units"),
        table.model_version,
        table.transaction_id,
    )


def _risk_states() -> Select[Any]:
    table = tables.risk_states.c
    columns = (table.customer_id, table.partition, table.state, table.since, table.sequence, table.next_at)
    return select(*columns, table.rhythm_version)


def _risk_changes() -> Select[Any]:
    table = tables.risk_changes.c
    columns = (table.customer_id, table.sequence, table.partition, table.from_state, table.to_state)
    return select(*columns, table.effective_at)


def _progress() -> Select[Any]:
    table = tables.stream_progress.c
    return select(
        table.partition,
        table.event_time,
        table.model_version,
        table.model_since,
        table.late,
        table.change_position,
        table.began_without_model,
    )


def _periods() -> Select[Any]:
    table = tables.model_reigns.c
    return select(table.partition, table.until, table.model_version, table.since).order_by(
        table.partition, table.until, table.since.nulls_first()
    )


def _lost() -> Select[Any]:
    faults, skipped = tables.log_faults.c, tables.skipped_records.c
    deleted = select(faults.partition, faults.first_offset, faults.end_offset, literal("deleted").label("reason"))
    by_operator = select(skipped.partition, skipped.offset, skipped.offset + 1, literal("skipped"))
    both = deleted.where(faults.kind == "deleted").union_all(by_operator).subquery()
    return select(both).order_by(both.c.partition, both.c.first_offset)


def _rejected(connection: Connection) -> pd.DataFrame:
    """The ids in all dead letters that have any."""
    found = set(dead_letters.transactions(connection))
    return pd.DataFrame(sorted(found), columns=["customer_id", "transaction_id"], dtype="str")


def _frame(connection: Connection, query: Select[Any]) -> pd.DataFrame:
    return _typed(frame(connection, query), query)


def _empty(query: Select[Any]) -> pd.DataFrame:
    return _typed(pd.DataFrame(columns=list(query.selected_columns.keys())), query)


def _typed(rows: pd.DataFrame, query: Select[Any]) -> pd.DataFrame:
    """The rows, with dtypes from the query's types: an empty or all-null column keeps its type."""
    for column in query.selected_columns:
        if isinstance(column.type, DateTime):
            rows[column.name] = pd.to_datetime(rows[column.name], utc=True).astype(MOMENT)
        elif isinstance(column.type, Boolean):
            rows[column.name] = rows[column.name].astype("bool")
        else:
            rows[column.name] = rows[column.name].astype("int64" if isinstance(column.type, Integer) else "str")
    return rows
