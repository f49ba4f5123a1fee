"""What the stream has done so far, as it stands in Postgres: for flow control, resuming, and people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, func, select

from data.postgres.tables import customers, segment_changes, stream_progress, transactions


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over all partitions."""

    transactions: int
    duplicates: int
    late: int
    dead_letters: int
    customers: int
    changes: dict[str, int]


def done(engine: Engine, log_id: str) -> dict[int, int]:
    """The next offset of every partition of a log that has been claimed."""
    query = select(stream_progress.c.partition, stream_progress.c.next_offset).where(stream_progress.c.log_id == log_id)
    with engine.connect() as connection:
        return {row.partition: row.next_offset for row in connection.execute(query)}


def partitions(engine: Engine) -> Sequence[Row[Any]]:
    """All progress rows, by partition."""
    with engine.connect() as connection:
        return connection.execute(select(stream_progress).order_by(stream_progress.c.partition)).all()


def unpublished(engine: Engine) -> int:
    """How many changes are not known to be in the change topic yet."""
    behind = stream_progress.c.change_position - stream_progress.c.published_position
    with engine.connect() as connection:
        return int(connection.execute(select(func.coalesce(func.sum(behind), 0))).scalar_one())


def event_time(engine: Engine) -> datetime | None:
    """The event time that every partition has reached; None before the first tick."""
    query = select(func.min(stream_progress.c.event_time), func.bool_and(stream_progress.c.event_time.is_not(None)))
    with engine.connect() as connection:
        earliest, everywhere = connection.execute(query).one()
    return earliest if everywhere else None


def without_model(engine: Engine, partitions: int) -> list[int]:
    """The partitions on which no model is in force yet, since no worker has ever claimed them."""
    query = select(stream_progress.c.partition).where(stream_progress.c.model_version.is_not(None))
    with engine.connect() as connection:
        return sorted(set(range(partitions)) - set(connection.execute(query).scalars()))


def customers_known(engine: Engine) -> int:
    """How many customers there are, in a segment or not."""
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(customers)).scalar_one()


def customers_outdated(engine: Engine) -> int:
    """How many of them are still under another model than the one in force on their partition."""
    home = stream_progress.c.partition == customers.c.partition
    outdated = customers.c.model_version != stream_progress.c.model_version
    query = select(func.count()).select_from(customers).join(stream_progress, home & outdated)
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def known_since(engine: Engine, moment: datetime | None) -> frozenset[tuple[str, str]]:
    """Customer and transaction ids in the ledger from a moment of event time on; all of them for None."""
    query = select(transactions.c.customer_id, transactions.c.transaction_id)
    if moment is not None:
        query = query.where(transactions.c.occurred_at >= moment)
    with engine.connect() as connection:
        return frozenset((row.customer_id, row.transaction_id) for row in connection.execute(query))


def totals(engine: Engine) -> Totals:
    """What has come of everything so far."""
    counters = ("transactions", "duplicates", "late", "dead_letters")
    sums = select(*(func.coalesce(func.sum(stream_progress.c[name]), 0).label(name) for name in counters))
    in_segment = select(func.count()).select_from(customers).where(customers.c.segment.is_not(None))
    by_cause = select(segment_changes.c.cause, func.count()).group_by(segment_changes.c.cause)
    with engine.connect() as connection:
        counted = connection.execute(sums).one()
        return Totals(
            transactions=int(counted.transactions),
            duplicates=int(counted.duplicates),
            late=int(counted.late),
            dead_letters=int(counted.dead_letters),
            customers=connection.execute(in_segment).scalar_one(),
            changes=dict(sorted(tuple(row) for row in connection.execute(by_cause))),
        )
