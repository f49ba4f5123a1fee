"""The progress of the stream: offsets, watermark, counters, and how many customers are rescored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Engine, Integer, Row, case, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from data.kafka.log_id import GENERATION
from data.postgres.tables import customers, risk_changes, segment_changes, stream_progress

#: A partition that is behind and has committed nothing for this many seconds is stuck.
STUCK_SECONDS = 15.0
#: A single failure can be the end of a connection; a partition is failing from this number of failures in a row on.
FAILING = 2

_event_time = stream_progress.c.event_time
_base_id = func.regexp_replace(stream_progress.c.log_id, GENERATION, "")
#: The watermark of the slowest partition, as an expression over all rows of ``stream_progress``.
WATERMARK = case((func.bool_and(_event_time.is_not(None)), func.min(_event_time)))


@dataclass(frozen=True, slots=True)
class StreamTotals:
    """Counts over all partitions; ``changes`` by cause, without those that were pruned."""

    transactions: int
    duplicates: int
    late: int
    dead_letters: int
    customers: int
    changes: dict[str, int]
    revisions: int = 0


class Counters(NamedTuple):
    """How far a partition is, in which generation of the log, and its counts since the beginning of the stream."""

    log_id: str
    next_offset: int
    transactions: int
    duplicates: int
    late: int
    dead_letters: int
    forgotten: int = 0


class Watermarks(NamedTuple):
    """How far the partitions are, and what came late or was revised in all of them.

    Parameters
    ----------
    slowest, newest
        As :func:`watermark` and :func:`newest_watermark` have them.
    slowest_partition
        The partition with the lowest watermark, the first one if there are several.
    silent_partition
        The first partition that has seen no tick; None if there is none.
    """

    slowest: datetime | None
    newest: datetime | None
    slowest_partition: int | None
    silent_partition: int | None
    late: int
    revisions: int


def counters(engine: Engine, log_id: str) -> dict[int, Counters]:
    """The counters by partition, for the claimed partitions of a log; of one moment."""
    columns = stream_progress.c
    query = select(columns.partition, *(columns[name] for name in Counters._fields)).where(_base_id == log_id)
    with engine.connect() as connection:
        return {partition: Counters(*values) for partition, *values in connection.execute(query)}


def next_offsets(engine: Engine, log_id: str) -> dict[int, int]:
    """The next offset by partition, for the claimed partitions of a log."""
    query = select(stream_progress.c.partition, stream_progress.c.next_offset).where(_base_id == log_id)
    with engine.connect() as connection:
        return {row.partition: row.next_offset for row in connection.execute(query)}


def control_numbers(engine: Engine, log_id: str) -> dict[int, int]:
    """The number of the newest signed model by partition, for the claimed partitions of a log."""
    columns = stream_progress.c
    query = select(columns.partition, columns.control_number).where(_base_id == log_id)
    with engine.connect() as connection:
        return {row.partition: row.control_number for row in connection.execute(query)}


def partitions(engine: Engine) -> Sequence[Row[Any]]:
    """The rows of ``stream_progress``, ordered by partition, with ``commit_age`` in seconds by Postgres's clock."""
    age = func.extract("epoch", func.now() - stream_progress.c.committed_at).label("commit_age")
    with engine.connect() as connection:
        return connection.execute(select(stream_progress, age).order_by(stream_progress.c.partition)).all()


def unpublished(engine: Engine) -> int:
    """How many segment changes and risk changes are not known to be in their topics."""
    columns = stream_progress.c
    behind = columns.change_position - columns.published_position
    behind += columns.risk_position - columns.risk_published_position
    with engine.connect() as connection:
        return int(connection.execute(select(func.coalesce(func.sum(behind), 0))).scalar_one())


def watermark(connection: Connection) -> datetime | None:
    """The watermark of the slowest partition; None while a partition has seen no tick, or none has been claimed."""
    found: datetime | None = connection.execute(select(WATERMARK)).scalar_one()
    return found


def newest_watermark(connection: Connection) -> datetime | None:
    """The watermark of the partition that is furthest ahead; None before any partition has one."""
    found: datetime | None = connection.execute(select(func.max(_event_time))).scalar_one()
    return found


def watermarks(connection: Connection) -> Watermarks:
    """How far the partitions are, of one moment."""
    partition = stream_progress.c.partition
    # Null comes last, so the first one is the slowest of those with a tick.
    by_watermark = func.array_agg(aggregate_order_by(partition, _event_time, partition), type_=ARRAY(Integer))
    query = select(
        WATERMARK.label("slowest"),
        func.max(_event_time).label("newest"),
        by_watermark[1].label("slowest_partition"),
        func.min(partition).filter(_event_time.is_(None)).label("silent_partition"),
        cast(func.coalesce(func.sum(stream_progress.c.late), 0), BigInteger).label("late"),
        cast(func.coalesce(func.sum(stream_progress.c.revisions), 0), BigInteger).label("revisions"),
    )
    return Watermarks(*connection.execute(query).one())


def current_watermark(engine: Engine) -> datetime | None:
    """:func:`watermark`, read over a connection of its own."""
    with engine.connect() as connection:
        return watermark(connection)


def unclaimed(engine: Engine, partitions: int) -> list[int]:
    """The partitions that no worker has ever claimed."""
    query = select(stream_progress.c.partition)
    with engine.connect() as connection:
        return sorted(set(range(partitions)) - set(connection.execute(query).scalars()))


def collecting(engine: Engine) -> list[int]:
    """The partitions that have applied records without a model, and have none yet: only the log can give them one."""
    waits = stream_progress.c.began_without_model & stream_progress.c.model_version.is_(None)
    query = select(stream_progress.c.partition).where(waits).order_by(stream_progress.c.partition)
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def customers_known(engine: Engine) -> int:
    """The number of customers, with or without a segment."""
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(customers)).scalar_one()


def customers_with_a_purchase(engine: Engine) -> int:
    """The number of customers who have bought something."""
    query = select(func.count()).select_from(customers).where(customers.c.frequency > 0)
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def customers_outdated(engine: Engine) -> int:
    """The number of customers who are not rescored yet for the active model of their partition."""
    same_partition = stream_progress.c.partition == customers.c.partition
    outdated = customers.c.model_version.is_distinct_from(stream_progress.c.model_version)
    active = stream_progress.c.model_version.is_not(None)
    query = select(func.count()).select_from(customers).join(stream_progress, same_partition & active & outdated)
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def stored_risk_changes(engine: Engine) -> int:
    """The number of risk changes, without those that were pruned."""
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(risk_changes)).scalar_one()


def totals(engine: Engine) -> StreamTotals:
    """Counts since the beginning of the stream, and the customers and changes that are stored now."""
    counters = ("transactions", "duplicates", "late", "dead_letters", "revisions")
    sums = select(*(func.coalesce(func.sum(stream_progress.c[name]), 0).label(name) for name in counters))
    in_segment = select(func.count()).select_from(customers).where(customers.c.segment.is_not(None))
    by_cause = select(segment_changes.c.cause, func.count()).group_by(segment_changes.c.cause)
    with engine.connect() as connection:
        counted = connection.execute(sums).one()
        return StreamTotals(
            transactions=int(counted.transactions),
            duplicates=int(counted.duplicates),
            late=int(counted.late),
            dead_letters=int(counted.dead_letters),
            customers=connection.execute(in_segment).scalar_one(),
            changes=dict(sorted(tuple(row) for row in connection.execute(by_cause))),
            revisions=int(counted.revisions),
        )
