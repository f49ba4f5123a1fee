"""Dead letters in Postgres: counted by reason, listed, looked up by offset, and marked as retried or discarded."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, Select, bindparam, false, func, select, update

from data.contract.wire import Identifiers
from data.postgres.tables import dead_letters
from runtime.errors import Hint, NotFoundError

_c = dead_letters.c
_PAGE = 500
_WAITS = _c.retried_at.is_(None) & _c.discarded_at.is_(None)


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A record that could not be applied: its offset, its bytes and the reason; when it was requeued and stored.

    If an operator has discarded it: when, which Postgres user that was, and why.
    """

    log_id: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    retried_at: datetime | None
    at: datetime | None = None
    discarded_at: datetime | None = None
    discarded_by: str | None = None
    discarded_why: str | None = None

    @property
    def id(self) -> str:
        """The id that people use: ``PARTITION:OFFSET``."""
        return f"{self.partition}:{self.offset}"


def by_reason(engine: Engine, reason: str | None) -> Sequence[Row[Any]]:
    """The rows of :func:`reasons` for reasons that contain a text; for all of them if the text is None."""
    with engine.connect() as connection:
        return connection.execute(_about(reasons(), reason)).all()


def reasons() -> Select[Any]:
    """A query for the number of dead letters by reason, the most frequent first.

    ``reason, waiting, retried``, and ``discarded`` for those that were discarded without a retry.
    """
    query = select(
        _c.reason,
        func.count().filter(_WAITS).label("waiting"),
        func.count(_c.retried_at).label("retried"),
        func.count().filter(_c.retried_at.is_(None), _c.discarded_at.is_not(None)).label("discarded"),
    )
    return query.group_by(_c.reason).order_by(func.count().desc(), _c.reason)


def newest(engine: Engine, reason: str | None, limit: int) -> Sequence[Row[Any]]:
    """The newest dead letters of each partition whose reason contains a text, without their values.

    ``log_id, partition, offset, reason, key, size`` (of the value, in bytes), ``retried_at``, ``at``, when it was
    stored, and ``discarded_at``.
    """
    size = func.octet_length(_c.value).label("size")
    query = select(_c.log_id, _c.partition, _c.offset, _c.reason, _c.key, size, _c.retried_at, _c.at, _c.discarded_at)
    with engine.connect() as connection:
        ordered = _about(query, reason).order_by(_c.offset.desc(), _c.partition, _c.log_id).limit(limit)
        return connection.execute(ordered).all()


def find(engine: Engine, partition: int, offset: int, log_id: str | None) -> StoredDeadLetter:
    """The dead letter at an offset of a log; ``log_id`` may be None if only one log has a dead letter there.

    Raises
    ------
    NotFoundError
        If there is no such dead letter, or several logs have one.
    """
    query = _whole().where(_c.partition == partition, _c.offset == offset)
    if log_id is not None:
        query = query.where(_c.log_id == log_id)
    with engine.connect() as connection:
        found = [StoredDeadLetter(*row) for row in connection.execute(query)]
    if not found:
        raise NotFoundError(f"there is no dead letter {partition}:{offset}", Hint.LIST_DEAD_LETTERS)
    if len(found) > 1:
        logs = ", ".join(letter.log_id for letter in found)
        raise NotFoundError(f"several logs have a dead letter {partition}:{offset}: {logs}", Hint.NAME_THE_LOG)
    return found[0]


def waiting(engine: Engine, reason: str | None, limit: int) -> list[StoredDeadLetter]:
    """The first dead letters that wait and whose reason contains a text, in the order of the log.

    Those wait that were neither retried nor discarded.
    """
    query = _about(_whole(), reason).where(_WAITS)
    with engine.connect() as connection:
        ordered = query.order_by(_c.log_id, _c.partition, _c.offset).limit(limit)
        return [StoredDeadLetter(*row) for row in connection.execute(ordered)]


def transactions(connection: Connection) -> Iterator[tuple[str, str]]:
    """The customer and transaction id of each dead letter that has both, read page by page."""
    values = connection.execute(select(_c.value), execution_options={"yield_per": _PAGE})
    for (value,) in values:
        try:
            ids = msgspec.json.decode(value or b"", type=Identifiers)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            continue
        yield ids.customer_id, ids.transaction_id


def reasons_between(engine: Engine, log_id: str, partition: int, first: int, end: int) -> Sequence[Row[Any]]:
    """``offset, reason`` of the dead letters of a partition of a log from offset ``first`` to before ``end``."""
    query: Select[Any] = select(_c.offset, _c.reason).where(_c.log_id == log_id, _c.partition == partition)
    within = query.where(_c.offset >= first, _c.offset < end).order_by(_c.offset)
    with engine.connect() as connection:
        return connection.execute(within).all()


def check_marking(engine: Engine) -> None:
    """Ask Postgres whether this user may mark dead letters as retried, without marking any.

    Raises
    ------
    ProgrammingError
        If the user may not.
    """
    with engine.begin() as connection:
        connection.execute(update(dead_letters).where(false()).values(retried_at=func.now()))


def mark_retried(engine: Engine, letters: Iterable[StoredDeadLetter]) -> None:
    """Store that these dead letters are in the transactions topic again."""
    with engine.begin() as connection:
        connection.execute(update(dead_letters).where(*_SAME).values(retried_at=func.now()), _places(letters))


def discard(engine: Engine, letters: Iterable[StoredDeadLetter], why: str) -> int:
    """Store that these dead letters need no retry, who says so and why; returns how many were not discarded before."""
    discarded = update(dead_letters).where(*_SAME, _c.discarded_at.is_(None)).values(_discarded(why))
    with engine.begin() as connection:
        return sum(connection.execute(discarded, place).rowcount for place in _places(letters))


def discard_waiting(engine: Engine, reason: str | None, why: str) -> int:
    """:func:`discard` for all that wait and whose reason contains a text; for all that wait if the text is None."""
    chosen = update(dead_letters).where(_WAITS).values(_discarded(why))
    if reason is not None:
        chosen = chosen.where(_c.reason.icontains(reason, autoescape=True))
    with engine.begin() as connection:
        return connection.execute(chosen).rowcount


def _discarded(why: str) -> dict[str, Any]:
    return {"discarded_at": func.now(), "discarded_by": func.session_user(), "discarded_why": why}


_SAME = (
    _c.log_id == bindparam("of_log"),
    _c.partition == bindparam("of_partition"),
    _c.offset == bindparam("of_offset"),
)


def _places(letters: Iterable[StoredDeadLetter]) -> list[dict[str, Any]]:
    return [
        {"of_log": letter.log_id, "of_partition": letter.partition, "of_offset": letter.offset} for letter in letters
    ]


def _whole() -> Select[Any]:
    about = (_c.retried_at, _c.at, _c.discarded_at, _c.discarded_by, _c.discarded_why)
    return select(_c.log_id, _c.partition, _c.offset, _c.reason, _c.key, _c.value, *about)


def _about(query: Select[Any], reason: str | None) -> Select[Any]:
    return query if reason is None else query.where(_c.reason.icontains(reason, autoescape=True))
