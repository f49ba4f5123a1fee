"""Every question the dashboard asks of Postgres: read-only, bounded, small answers.

A page takes all its answers inside one :func:`reading` block, so that they belong to the same moment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pandas as pd
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Label,
    Select,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import INTERVAL

from data.tables import customers, model_aliases, segment_changes, stream_progress
from data.tables import models as model_specs
from models.segment_model import SegmentModel, from_json

AnySelect = Select[*tuple[Any, ...]]
CHAMPION = "champion"
# Bars of whole weeks start on a Monday where the window has no beginning of its own.
A_MONDAY = datetime(2000, 1, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Progress:
    """How far the stream is, over all partitions; counts are since the beginning.

    ``event_time`` is the slowest partition's: everything up to it has been processed. It is None as long as there
    are ``silent`` partitions, which have not reached any yet.
    """

    measured_at: datetime
    partitions: int
    silent: int
    event_time: datetime | None
    newest_event_time: datetime | None
    transactions: int
    changes: int
    duplicates: int
    late: int
    dead_letters: int


@contextmanager
def reading(engine: Engine, timeout_ms: int = 5_000) -> Iterator[Connection]:
    """A connection that can only read, sees one moment, and gives up on a query after ``timeout_ms``."""
    with engine.connect() as plain:
        connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        connection.execute(text(f"SET LOCAL statement_timeout = {int(timeout_ms)}"))
        yield connection


def champion(connection: Connection) -> SegmentModel | None:
    """The model that the alias champion points to.

    Raises
    ------
    ModelError
        If its specification can't be read.
    """
    query = select(model_specs.c.spec).join(model_aliases).where(model_aliases.c.alias == CHAMPION)
    spec = connection.scalar(query)
    return None if spec is None else from_json(msgspec.json.encode(spec))


def progress(connection: Connection) -> Progress:
    """The stream's position and counters: a handful of rows, one per partition."""
    p = stream_progress.c
    counters = (p.transactions, p.change_position, p.duplicates, p.late, p.dead_letters)
    query = select(
        func.now(),
        func.count(),
        func.count() - func.count(p.event_time),
        case((func.bool_and(p.event_time.is_not(None)), func.min(p.event_time))),
        func.max(p.event_time),
        *(func.coalesce(func.sum(counter), 0) for counter in counters),
    )
    row = connection.execute(query).one()
    return Progress(*row[:5], *map(int, row[5:]))


def window_start(event_time: datetime | None, days: int | None) -> datetime | None:
    """Midnight (UTC) at which the last ``days`` event days begin, today among them; None for no bound."""
    if event_time is None or days is None:
        return None
    midnight = event_time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days - 1)


def segment_sizes(connection: Connection, due_by: datetime | None) -> pd.DataFrame:
    """Customers per segment and how many of them time alone moves by ``due_by``: segment, customers, due.

    The segment is empty for those who only ever returned goods.
    """
    c = customers.c
    segment = _or_empty(c.segment)
    due = func.count().filter(c.next_change_at <= literal(due_by, c.next_change_at.type))
    query = select(segment, func.count().label("customers"), due.label("due")).group_by(segment)
    return _frame(connection, query)


def flows(connection: Connection, since: datetime | None) -> pd.DataFrame:
    """Changes since a moment of event time: from_segment (empty on entry), to_segment, cause, changes."""
    c = segment_changes.c
    keys = (_or_empty(c.from_segment), c.to_segment, c.cause)
    return _frame(connection, _since(select(*keys, func.count().label("changes")).group_by(*keys), since))


def rhythm(connection: Connection, since: datetime | None, bin_days: int) -> pd.DataFrame:
    """Changes per bin of ``bin_days`` event days and cause, in order: at, cause, changes."""
    c = segment_changes.c
    width = cast(literal(f"{bin_days} days"), INTERVAL)
    at = func.date_bin(width, c.effective_at, since or A_MONDAY).label("at")
    query = select(at, c.cause, func.count().label("changes")).group_by(at, c.cause).order_by(at, c.cause)
    return _frame(connection, _since(query, since))


def latest_changes(connection: Connection, limit: int) -> pd.DataFrame:
    """The newest changes in event time, the newest first, with what the customer looked like at that moment."""
    c = segment_changes.c
    columns = (c.effective_at, c.customer_id, c.sequence, _or_empty(c.from_segment), c.to_segment, c.cause)
    rfm = (c.recency_days, c.frequency, c.monetary)
    newest_first = (c.effective_at.desc(), c.customer_id, c.sequence.desc())
    return _frame(connection, select(*columns, *rfm).order_by(*newest_first).limit(limit))


def _or_empty(column: Column[str]) -> Label[str]:
    return func.coalesce(column, literal_column("''")).label(column.name)


def _since(query: AnySelect, since: datetime | None) -> AnySelect:
    return query if since is None else query.where(segment_changes.c.effective_at >= since)


def _frame(connection: Connection, query: AnySelect) -> pd.DataFrame:
    result = connection.execute(query)
    return pd.DataFrame(result.all(), columns=list(result.keys()))
