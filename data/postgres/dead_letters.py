"""Records that could not be applied, as they lie in Postgres: by reason, one by one, and whether they were retried."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, Select, bindparam, func, select, update

from data.postgres.tables import dead_letters

_c = dead_letters.c


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A record as it came, where from, why it could not be applied, and when it was last put back."""

    log_id: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    retried_at: datetime | None

    @property
    def id(self) -> str:
        """What people call it: ``PARTITION:OFFSET``."""
        return f"{self.partition}:{self.offset}"


def by_reason(engine: Engine, reason: str | None) -> Sequence[Row[Any]]:
    """Reasons that hold a text, the most frequent first: reason, waiting, retried."""
    query = select(
        _c.reason,
        func.count().filter(_c.retried_at.is_(None)).label("waiting"),
        func.count(_c.retried_at).label("retried"),
    )
    with engine.connect() as connection:
        grouped = _about(query, reason).group_by(_c.reason).order_by(func.count().desc(), _c.reason)
        return connection.execute(grouped).all()


def newest(engine: Engine, reason: str | None, limit: int) -> Sequence[Row[Any]]:
    """The last dead letters of each partition whose reason holds a text, without their bytes.

    log_id, partition, offset, reason, key, size of the value in bytes, retried_at.
    """
    size = func.octet_length(_c.value).label("size")
    query = select(_c.log_id, _c.partition, _c.offset, _c.reason, _c.key, size, _c.retried_at)
    with engine.connect() as connection:
        ordered = _about(query, reason).order_by(_c.offset.desc(), _c.partition, _c.log_id).limit(limit)
        return connection.execute(ordered).all()


def find(engine: Engine, partition: int, offset: int, log_id: str | None) -> StoredDeadLetter:
    """The dead letter at a place of a log.

    Raises
    ------
    LookupError
        If there is none, or one in each of several logs and ``log_id`` does not say which.
    """
    query = _whole().where(_c.partition == partition, _c.offset == offset)
    if log_id is not None:
        query = query.where(_c.log_id == log_id)
    with engine.connect() as connection:
        found = [StoredDeadLetter(*row) for row in connection.execute(query)]
    if not found:
        raise LookupError(f"there is no dead letter {partition}:{offset}; `segue dlq list` shows what there is")
    if len(found) > 1:
        logs = ", ".join(letter.log_id for letter in found)
        raise LookupError(f"several logs have a dead letter {partition}:{offset}; add --log-id, one of {logs}")
    return found[0]


def waiting(engine: Engine, reason: str | None, limit: int) -> list[StoredDeadLetter]:
    """The first dead letters that nobody has retried yet and whose reason holds a text, in log order."""
    query = _about(_whole(), reason).where(_c.retried_at.is_(None))
    with engine.connect() as connection:
        ordered = query.order_by(_c.log_id, _c.partition, _c.offset).limit(limit)
        return [StoredDeadLetter(*row) for row in connection.execute(ordered)]


def mark_retried(engine: Engine, letters: Iterable[StoredDeadLetter]) -> None:
    """Note that they are in the transactions topic again."""
    same = (
        _c.log_id == bindparam("of_log"),
        _c.partition == bindparam("of_partition"),
        _c.offset == bindparam("of_offset"),
    )
    places = [
        {"of_log": letter.log_id, "of_partition": letter.partition, "of_offset": letter.offset} for letter in letters
    ]
    with engine.begin() as connection:
        connection.execute(update(dead_letters).where(*same).values(retried_at=func.now()), places)


def _whole() -> Select[Any]:
    return select(_c.log_id, _c.partition, _c.offset, _c.reason, _c.key, _c.value, _c.retried_at)


def _about(query: Select[Any], reason: str | None) -> Select[Any]:
    return query if reason is None else query.where(_c.reason.icontains(reason, autoescape=True))
