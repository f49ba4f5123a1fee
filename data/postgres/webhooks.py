"""The state of webhooks in Postgres: the progress of each webhook, and its abandoned changes.

A webhook delivers changes of one kind, and its progress is that in their topic. The stored log id says which: that of a
webhook for risk changes begins with a mark, so that offsets of one topic are never taken for offsets of the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, Row, bindparam, case, cast, func, select, update
from sqlalchemy.dialects.postgresql import insert

from data.postgres.tables import webhook_dead_letters, webhook_progress
from runtime.errors import Hint, NotFoundError, SegueError
from runtime.topics import ChangeKind

_p = webhook_progress.c
_d = webhook_dead_letters.c
# No log id that a broker reports has a colon.
_RISK_MARK = "risk-changes:"
_KIND: ColumnElement[str] = case((_p.log_id.startswith(_RISK_MARK, autoescape=True), "risk"), else_="segments")
#: What messages call the changes of a kind.
NAMES: Mapping[str, str] = {"segments": "segment changes", "risk": "risk changes"}


class TakenOverError(SegueError):
    """Another process has claimed the same webhook."""


class OtherChangesError(SegueError):
    """The webhook delivers changes of the other kind."""


class SavedOffset(NamedTuple):
    """The next offset of a partition, and the offsets before it whose deliveries are not finished."""

    next_offset: int
    waiting: frozenset[int]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to save a webhook's progress until another process claims it; ``offsets`` by partition."""

    webhook: str
    epoch: int
    offsets: Mapping[int, SavedOffset]


class AbandonedChange(NamedTuple):
    """A change that is not sent any more: the bytes of its event, the reason, and the number of attempts."""

    customer_id: str
    sequence: int
    event: bytes
    reason: str
    attempts: int


def claim(engine: Engine, webhook: str, log_id: str, start: Sequence[int], kind: ChangeKind = "segments") -> Claim:
    """Take a webhook over: raise its epoch and read its progress.

    Parameters
    ----------
    log_id
        The log id of the topic. Saved offsets of another log do not apply: its topic is read from the beginning.
    start
        By partition, the offset that a webhook starts with if it has never run.
    kind
        Which changes the webhook delivers.

    Raises
    ------
    OtherChangesError
        If a webhook of this name delivers changes of the other kind.
    """
    log_id = _marked(log_id, kind)
    query = select(webhook_progress).where(_p.webhook == webhook).with_for_update()
    with engine.begin() as connection:
        # Two processes that start at once for the first time have no row to lock yet.
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"webhook {webhook}"))))
        _require_kind(connection, webhook, kind)
        stored = {row.partition: row for row in connection.execute(query)}
        epoch = 1 + max((row.epoch for row in stored.values()), default=0)
        offsets = {}
        for partition, beginning in enumerate(start):
            row = stored.get(partition)
            if row is not None and row.log_id == log_id:
                offsets[partition] = SavedOffset(row.next_offset, frozenset(row.waiting))
            else:
                offsets[partition] = SavedOffset(0 if stored else beginning, frozenset())
        rows = [
            {"webhook": webhook, "partition": partition, "log_id": log_id, "epoch": epoch, **_columns(at)}
            for partition, at in offsets.items()
        ]
        new = insert(webhook_progress)
        changed = {name: new.excluded[name] for name in ("log_id", "epoch", "next_offset", "waiting")}
        connection.execute(new.on_conflict_do_update(index_elements=[_p.webhook, _p.partition], set_=changed), rows)
    return Claim(webhook, epoch, offsets)


def save(
    engine: Engine,
    claim: Claim,
    offsets: Mapping[int, SavedOffset],
    abandoned: Iterable[AbandonedChange],
    delivered: Mapping[int, int] | None = None,
) -> None:
    """Store offsets and abandoned changes in one database transaction.

    ``delivered`` are the numbers of changes delivered since the last call, by partition. Only those of ``offsets`` are
    counted.

    Raises
    ------
    TakenOverError
        If another process has claimed the webhook. Nothing is stored then.
    """
    ours = (_p.webhook == claim.webhook, _p.epoch == claim.epoch, _p.partition == bindparam("of_partition"))
    move = update(webhook_progress).where(*ours).values(saved_at=func.now())
    with engine.begin() as connection:
        for partition, at in offsets.items():
            more = (delivered or {}).get(partition, 0)
            counted = move.values(_columns(at) | {"delivered": _p.delivered + more})
            done = connection.execute(counted, {"of_partition": partition})
            if done.rowcount != 1:
                raise TakenOverError(
                    f"another process delivers for the webhook {claim.webhook!r} now", Hint.NAME_THE_WEBHOOK
                )
        _set_aside(connection, claim.webhook, abandoned)


def set_aside(engine: Engine, webhook: str, abandoned: Iterable[AbandonedChange]) -> None:
    """Store abandoned changes. A change that is stored already gets the new reason and number of attempts."""
    with engine.begin() as connection:
        _set_aside(connection, webhook, abandoned)


def mark_delivered(engine: Engine, webhook: str, events: Iterable[tuple[str, int]]) -> None:
    """Store that changes, by customer and sequence, have been delivered by a retry."""
    same = (_d.webhook == webhook, _d.customer_id == bindparam("of"), _d.sequence == bindparam("number"))
    places = [{"of": customer, "number": sequence} for customer, sequence in events]
    if places:
        with engine.begin() as connection:
            connection.execute(update(webhook_dead_letters).where(*same).values(delivered_at=func.now()), places)


def abandoned_by_reason(engine: Engine, webhook: str) -> Sequence[Row[Any]]:
    """The number of abandoned changes by reason, the most frequent first: ``reason, waiting, delivered``."""
    waiting = func.count().filter(_d.delivered_at.is_(None)).label("waiting")
    query = select(_d.reason, waiting, func.count(_d.delivered_at).label("delivered")).where(_d.webhook == webhook)
    with engine.connect() as connection:
        return connection.execute(query.group_by(_d.reason).order_by(func.count().desc(), _d.reason)).all()


def newest_abandoned(engine: Engine, webhook: str, limit: int) -> Sequence[Row[Any]]:
    """The newest abandoned changes, without those that a retry has delivered."""
    query = select(webhook_dead_letters).where(_d.webhook == webhook, _d.delivered_at.is_(None))
    with engine.connect() as connection:
        return connection.execute(query.order_by(_d.failed_at.desc(), _d.customer_id, _d.sequence).limit(limit)).all()


def abandoned_before(
    engine: Engine, webhook: str, moment: datetime, after: tuple[str, int], limit: int
) -> list[tuple[str, int, bytes]]:
    """Abandoned changes that failed before a moment: customer, sequence and event, ordered by customer and sequence.

    ``after`` is the customer and sequence that the page starts behind.
    """
    query = select(_d.customer_id, _d.sequence, _d.event).where(
        _d.webhook == webhook,
        _d.delivered_at.is_(None),
        _d.failed_at < moment,
        func.row(_d.customer_id, _d.sequence) > func.row(*after),
    )
    with engine.connect() as connection:
        ordered = query.order_by(_d.customer_id, _d.sequence).limit(limit)
        return [(row.customer_id, row.sequence, row.event) for row in connection.execute(ordered)]


def find_abandoned(engine: Engine, webhook: str, customer_id: str, sequence: int) -> bytes:
    """The event of an abandoned change.

    Raises
    ------
    NotFoundError
        If there is no such change, or a retry has delivered it.
    """
    same = (_d.webhook == webhook, _d.customer_id == customer_id, _d.sequence == sequence)
    with engine.connect() as connection:
        found = connection.execute(select(_d.event, _d.delivered_at).where(*same)).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no abandoned change {customer_id}:{sequence}", Hint.LIST_UNDELIVERED_CHANGES)
    if found.delivered_at is not None:
        raise NotFoundError(
            f"{customer_id}:{sequence} was delivered at {found.delivered_at:%Y-%m-%d %H:%M}; nothing is left to send"
        )
    event: bytes = found.event
    return event


def now(engine: Engine) -> datetime:
    """The time by the clock of Postgres, which also sets ``failed_at``."""
    with engine.connect() as connection:
        return connection.execute(select(func.now())).scalar_one()


def overview(engine: Engine) -> Sequence[Any]:
    """Every webhook that has run.

    The columns are ``webhook, changes`` (their kind), ``read`` (the sum of its next offsets), ``delivered`` (also by a
    retry), ``waiting, dead, saved_at``.
    """
    letters = select(func.count()).where(_d.webhook == _p.webhook).correlate(webhook_progress)
    abandoned = letters.where(_d.delivered_at.is_(None)).scalar_subquery()
    retried = letters.where(_d.delivered_at.is_not(None)).scalar_subquery()
    query = select(
        _p.webhook,
        func.max(_KIND).label("changes"),
        func.sum(_p.next_offset).label("read"),
        cast(func.sum(_p.delivered) + retried, BigInteger).label("delivered"),
        func.sum(func.cardinality(_p.waiting)).label("waiting"),
        abandoned.label("dead"),
        func.max(_p.saved_at).label("saved_at"),
    )
    with engine.connect() as connection:
        return connection.execute(query.group_by(_p.webhook).order_by(_p.webhook)).all()


def next_offsets(engine: Engine, log_id: str, kind: ChangeKind = "segments") -> dict[str, dict[int, int]]:
    """The next offsets of each webhook for a kind of changes, by partition, where they belong to a log of the topic."""
    query = select(_p.webhook, _p.partition, _p.next_offset).where(_p.log_id == _marked(log_id, kind))
    found: dict[str, dict[int, int]] = {}
    with engine.connect() as connection:
        for row in connection.execute(query):
            found.setdefault(row.webhook, {})[row.partition] = row.next_offset
    return found


def _marked(log_id: str, kind: ChangeKind) -> str:
    return f"{_RISK_MARK}{log_id}" if kind == "risk" else log_id


def _require_kind(connection: Connection, webhook: str, kind: ChangeKind) -> None:
    """Refuse a name whose progress is that in the topic of the other kind of changes."""
    found = connection.execute(select(func.max(_KIND)).where(_p.webhook == webhook)).scalar_one()
    if found not in (None, kind):
        raise OtherChangesError(
            f"the webhook {webhook!r} delivers {NAMES[found]}, and can't deliver {NAMES[kind]}", Hint.NAME_THE_WEBHOOK
        )


def _columns(offset: SavedOffset) -> dict[str, Any]:
    return {"next_offset": offset.next_offset, "waiting": sorted(offset.waiting)}


def _set_aside(connection: Any, webhook: str, abandoned: Iterable[AbandonedChange]) -> None:
    rows = [{"webhook": webhook, **letter._asdict()} for letter in abandoned]
    if rows:
        new = insert(webhook_dead_letters)
        again: dict[str, Any] = {name: new.excluded[name] for name in ("event", "reason", "attempts")}
        again |= {"failed_at": func.now(), "delivered_at": None}
        same = [_d.webhook, _d.customer_id, _d.sequence]
        connection.execute(new.on_conflict_do_update(index_elements=same, set_=again), rows)
