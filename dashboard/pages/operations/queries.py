"""What the operations page asks: how each partition stands, what was set aside, and the replay."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, func, select

from dashboard.shared.reading import StreamProgress, progress
from data.postgres import dead_letters as stored
from data.postgres import model_registry, replay_control
from data.postgres.frames import frame
from data.postgres.tables import dead_letters, stream_progress
from runtime.readable import LONGEST

MOST_REASONS = 50


@dataclass(frozen=True)
class StreamStatus:
    """The stream as its operator sees it, at one moment; ``model`` is the champion's version."""

    progress: StreamProgress
    partitions: pd.DataFrame
    replay: Row[Any] | None
    model: str | None


@dataclass(frozen=True)
class Letter:
    """A dead letter with the beginning of its value, of ``size`` bytes in all."""

    log_id: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    size: int
    retried_at: datetime | None

    @property
    def id(self) -> str:
        """As `segue dlq` calls it."""
        return f"{self.partition}:{self.offset}"


def standing(connection: Connection) -> StreamStatus:
    """How everything stands: a handful of rows."""
    model = model_registry.aliases(connection).get(model_registry.CHAMPION)
    return StreamStatus(progress(connection), partitions(connection), replay_control.last(connection), model)


def partitions(connection: Connection) -> pd.DataFrame:
    """One row per partition, in order.

    partition, next_offset, event_time, epoch, owner, log_id, model_version, transactions, duplicates, late,
    dead_letters, to_publish (changes), commit_age (seconds, by Postgres's clock).
    """
    p = stream_progress.c
    age = func.extract("epoch", func.now() - p.committed_at).label("commit_age")
    identity = (p.partition, p.next_offset, p.event_time, p.epoch, p.owner, p.log_id, p.model_version)
    counts = (p.transactions, p.duplicates, p.late, p.dead_letters)
    to_publish = (p.change_position - p.published_position).label("to_publish")
    return frame(connection, select(*identity, *counts, to_publish, age).order_by(p.partition))


def reasons(connection: Connection) -> pd.DataFrame:
    """Why records were set aside, the most frequent reason first: reason, waiting, retried."""
    return frame(connection, stored.reasons().limit(MOST_REASONS))


def letters(connection: Connection, reason: str | None, start: int, limit: int) -> Sequence[Letter]:
    """A page of dead letters with a reason (None: with any), the newest of each partition first."""
    c = dead_letters.c
    beginning = func.substring(c.value, 1, LONGEST + 1)
    size = func.coalesce(func.octet_length(c.value), 0)
    query = select(c.log_id, c.partition, c.offset, c.reason, c.key, beginning, size, c.retried_at)
    chosen = query if reason is None else query.where(c.reason == reason)
    page = chosen.order_by(c.offset.desc(), c.partition, c.log_id).offset(start).limit(limit)
    return [Letter(*row) for row in connection.execute(page)]
