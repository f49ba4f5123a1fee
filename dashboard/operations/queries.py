"""The operations page's queries: the status of each partition, the replay, and the dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, func, select

from dashboard.shared.reading import StreamProgress, progress
from data.postgres import dead_letters as stored
from data.postgres import log_faults, model_registry, replay_control
from data.postgres.aliases import CHAMPION
from data.postgres.frames import frame
from data.postgres.tables import dead_letters, stream_progress
from runtime.readable import LONGEST

MOST_REASONS = 50


@dataclass(frozen=True)
class StreamStatus:
    """The status of the stream at one moment; ``model`` is the champion's version.

    ``log_faults`` are the faults of the log that are not resolved.
    """

    progress: StreamProgress
    partitions: pd.DataFrame
    replay: Row[Any] | None
    model: str | None
    log_faults: Sequence[Row[Any]] = ()


@dataclass(frozen=True)
class DeadLetterPreview:
    """A dead letter with the beginning of its value; ``size`` is the length of the whole value in bytes."""

    log_id: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    size: int
    retried_at: datetime | None
    discarded_at: datetime | None = None

    @property
    def id(self) -> str:
        """Its id in `segue dlq`."""
        return f"{self.partition}:{self.offset}"


def status(connection: Connection) -> StreamStatus:
    """The status of the stream, from a few rows."""
    model = model_registry.aliases(connection).get(CHAMPION)
    replay, faults = replay_control.last(connection), log_faults.read(connection)
    return StreamStatus(progress(connection), partitions(connection), replay, model, faults)


def partitions(connection: Connection) -> pd.DataFrame:
    """One row per partition, in order.

    partition, next_offset, event_time, epoch, owner, log_id, model_version, transactions, duplicates, late,
    dead_letters, changes_ahead (changes and risk changes of the topics that Postgres lacks), to_publish (changes and
    risk changes), commit_age (seconds, by Postgres's clock), failures (in a row), failure (the error of the last one).
    """
    p = stream_progress.c
    age = func.extract("epoch", func.now() - p.committed_at).label("commit_age")
    identity = (p.partition, p.next_offset, p.event_time, p.epoch, p.owner, p.log_id, p.model_version)
    ahead = (p.changes_ahead + p.risk_changes_ahead).label("changes_ahead")
    counts = (p.transactions, p.duplicates, p.late, p.dead_letters, ahead)
    unpublished = p.change_position - p.published_position + p.risk_position - p.risk_published_position
    to_publish = unpublished.label("to_publish")
    trouble = (p.failures, p.failure)
    return frame(connection, select(*identity, *counts, to_publish, age, *trouble).order_by(p.partition))


def reasons(connection: Connection) -> pd.DataFrame:
    """The reasons of dead letters, the most frequent first: reason, waiting, retried, discarded (their numbers)."""
    return frame(connection, stored.reasons().limit(MOST_REASONS))


def dead_letter_page(connection: Connection, reason: str | None, start: int, limit: int) -> Sequence[DeadLetterPreview]:
    """A page of dead letters with one reason (None: any reason), the newest of each partition first."""
    c = dead_letters.c
    beginning = func.substring(c.value, 1, LONGEST + 1)
    size = func.coalesce(func.octet_length(c.value), 0)
    query = select(c.log_id, c.partition, c.offset, c.reason, c.key, beginning, size, c.retried_at, c.discarded_at)
    filtered = query if reason is None else query.where(c.reason == reason)
    page = filtered.order_by(c.offset.desc(), c.partition, c.log_id).offset(start).limit(limit)
    return [DeadLetterPreview(*row) for row in connection.execute(page)]
