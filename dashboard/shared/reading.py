"""How a page queries Postgres: read-only, at one moment, with a timeout; and the queries that every page needs.

A page runs all its queries inside one :func:`reading` block, so that their answers belong to the same moment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Column, ColumnElement, Connection, Engine, Label, func, literal_column, select, text

from dashboard.shared import access
from data.postgres import model_registry
from data.postgres.progress import WATERMARK
from data.postgres.tables import erasures, stream_currency, stream_progress
from models.segment_model import SegmentModel


@dataclass(frozen=True)
class StreamProgress:
    """The stream's progress over all partitions; counts are since the beginning.

    Transactions and changes are those that the tables hold: what was deleted with ``forgotten`` customers is left out.
    ``watermark`` is that of the slowest partition: everything up to it has been processed. It is None as long as there
    are ``silent`` partitions, which have no event time yet. ``currency`` is None before the first worker.
    """

    measured_at: datetime
    partitions: int
    silent: int
    watermark: datetime | None
    newest_watermark: datetime | None
    transactions: int
    changes: int
    duplicates: int
    late: int
    dead_letters: int
    currency: str | None = None
    forgotten: int = 0
    revisions: int = 0


#: The first reading of millions of orders or changes may take this long, and so may a file; in milliseconds.
FIRST_READING_MS = 120_000


@contextmanager
def reading(engine: Engine, timeout_ms: int = 5_000) -> Iterator[Connection]:
    """A read-only connection that sees one moment and cancels a query after ``timeout_ms``.

    If the viewer's login has ended, the whole page is drawn again instead, and asks for a login.
    """
    access.start_over_if_ended()
    with engine.connect() as plain:
        connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        connection.execute(text(f"SET LOCAL statement_timeout = {int(timeout_ms)}"))
        # A page's queries take tens of milliseconds; compiling them would take longer.
        connection.execute(text("SET LOCAL jit = off"))
        # Enough to sort all customers in memory for a median.
        connection.execute(text("SET LOCAL work_mem = '16MB'"))
        yield connection


@contextmanager
def patient(connection: Connection, timeout_ms: int) -> Iterator[None]:
    """Within the block, the connection cancels a query only after ``timeout_ms``."""
    usual = connection.execute(text("SHOW statement_timeout")).scalar_one()
    change = text("SELECT set_config('statement_timeout', :value, true)")
    connection.execute(change, {"value": str(int(timeout_ms))})
    yield
    connection.execute(change, {"value": usual})


def champion(connection: Connection) -> SegmentModel | None:
    """The model that the alias "champion" points to; None if there is none.

    Raises
    ------
    ModelError
        If its specification can't be read.
    """
    return model_registry.read_champion(connection)


def progress(connection: Connection) -> StreamProgress:
    """The stream's progress: reads one row per partition, one per forgotten customer, and the currency."""
    p = stream_progress.c
    counters = (p.transactions, p.change_position, p.duplicates, p.late, p.dead_letters)
    query = select(
        func.now(),
        func.count(),
        func.count() - func.count(p.event_time),
        WATERMARK,
        func.max(p.event_time),
        *(func.coalesce(func.sum(counter), 0) for counter in counters),
        select(stream_currency.c.currency).scalar_subquery(),
        func.coalesce(func.sum(p.revisions), 0).label("revisions"),
    )
    row = connection.execute(query).one()
    e = erasures.c
    gone = select(func.coalesce(func.sum(e.transactions), 0), func.coalesce(func.sum(e.changes), 0), func.count())
    transactions, changes, forgotten = map(int, connection.execute(gone).one())
    found = StreamProgress(*(*row[:5], *map(int, row[5:-2]), row[-2]))
    # A tombstone has a position among the changes.
    left, moves = found.transactions - transactions, found.changes - changes - forgotten
    return replace(found, transactions=left, changes=moves, forgotten=forgotten, revisions=int(row.revisions))


def event_day(moment: Column[datetime]) -> ColumnElement[datetime]:
    """The midnight (UTC) at which a moment's event day begins; the same expression as in the table's statistics."""
    origin: ColumnElement[datetime] = literal_column("timestamptz '2000-01-01 00:00:00+00'")
    return func.date_bin(literal_column("interval '1 day'"), moment, origin)


def or_empty(column: Column[str]) -> Label[str]:
    """The column with "" in place of null."""
    return func.coalesce(column, literal_column("''")).label(column.name)
