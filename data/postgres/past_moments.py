"""The past moments that the stream can be shown at, the models that were active, and customers as they were.

A segment is the published one: that of the customer's last change which was effective by then. R, F and M are those of
the orders that happened by then, as the ledger has them now. Both belong together for everybody but customers with
orders that came late or were revised: such an order counts in the ledger from its own event time, and in the history of
changes from when it was applied, because history stays as subscribers have read it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Integer, Select, Subquery, Text, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on

from data.postgres import progress
from data.postgres.ledger_totals import SALE, ledger_totals
from data.postgres.tables import (
    customers,
    erasures,
    model_reigns,
    models,
    risk_states,
    segment_changes,
    stream_progress,
    transactions,
)
from runtime.counts import many
from runtime.errors import Hint, NotFoundError

#: Memory for each step of a query of all customers, until the end of the database transaction.
WORK_MEM = "128MB"
#: Why a moment has no one model.
SOME_PARTITIONS_ONLY = "a new model was active on some partitions only: choose the day before or after"
#: The totals of a customer's orders. A column of the same name with ``counted_`` before it says what the model of the
#: moment counts.
TOTALS = ("frequency", "gross", "returned")
#: Conditions on a column of customers' ids.
IdConditions = Callable[[ColumnElement[str]], list[ColumnElement[bool]]]
#: Days by partition: the window of the model of each partition whose model has one.
Windows = Mapping[int, int]
NO_WINDOWS: Windows = MappingProxyType({})
_c, _t, _s, _p = customers.c, transactions.c, segment_changes.c, stream_progress.c


class PastError(NotFoundError):
    """A moment that the stream can't be shown at; the message says which moments it can."""


@dataclass(frozen=True)
class Answerable:
    """The moments of event time that the stream can be shown at, and what is missing at all of them.

    Parameters
    ----------
    since
        The earliest moment; None if the history of changes is whole.
    watermark
        That of the slowest partition.
    slowest
        That partition if another one is ahead of it; None if all are equally far.
    forgotten
        How many customers are missing because they were forgotten.
    late, revisions
        How many orders came late, and how many were revised, since the stream began.
    """

    since: datetime | None
    watermark: datetime
    slowest: int | None
    forgotten: int
    late: int
    revisions: int

    def check(self, moment: datetime) -> None:
        """Refuse a moment that is not one of them.

        Raises
        ------
        PastError
            If the moment is after the watermark or before ``since``.
        """
        if moment > self.watermark:
            who = "" if self.slowest is None else f"; partition {self.slowest} is the slowest"
            reached = f"the stream has reached {_written(self.watermark)} of event time"
            raise PastError(f"{reached}, and {_written(moment)} is after it{who}")
        if self.since is not None and moment < self.since:
            raise PastError(
                f"the history of changes is whole from {_written(self.since)} on, and {_written(moment)} is before it: "
                "older changes were deleted",
                Hint.KEEP_CHANGES,
            )


class IdRange(NamedTuple):
    """The ids above ``after``, up to ``last``, which is one of them; None for an open end."""

    after: str | None = None
    last: str | None = None

    def has(self, ids: ColumnElement[str]) -> list[ColumnElement[bool]]:
        """The conditions on a column of ids."""
        found: list[ColumnElement[bool]] = []
        if self.after is not None:
            found.append(ids > self.after)
        if self.last is not None:
            found.append(ids <= self.last)
        return found


#: All ids.
ALL_IDS = IdRange()


def answerable(connection: Connection, customer_id: str | None = None) -> Answerable:
    """The moments that the stream can be shown at or, by the index only, one customer.

    Raises
    ------
    PastError
        If there is no such moment yet.
    """
    known = progress.watermarks(connection)
    if known.newest is None:
        raise PastError("the stream has not reached any event time yet", Hint.START_A_REPLAY)
    if known.slowest is None:
        raise PastError(
            f"partition {known.silent_partition} has had no tick yet, so the stream is complete at no moment"
        )
    return Answerable(
        since=_whole_since(connection) if customer_id is None else _own_since(connection, customer_id),
        watermark=known.slowest,
        slowest=known.slowest_partition if known.newest > known.slowest else None,
        forgotten=int(connection.execute(select(func.count(erasures.c.partition))).scalar_one()),
        late=known.late,
        revisions=known.revisions,
    )


def past_customers(moment: datetime, conditions: IdConditions, windows: Windows = NO_WINDOWS) -> Subquery:
    """The customers whose ids pass the conditions and whom the stream knew by a moment, as they were then.

    It has columns of the table of customers: ``customer_id, country`` (the present one), ``partition, segment,
    segment_since, frequency, gross, returned, first_purchase_at, last_purchase_at, last_event_at``; and
    ``previous_segment`` and ``counts_from``, from which recency counts: both null in no segment, the latter only
    without a purchase. Without any purchase left, it is the last event, as the worker counts it, or the last change.
    With windows it also has ``counted_frequency, counted_gross, counted_returned``: what the model of the customer's
    partition counts, all or what was in its window.
    """
    changes = (
        select(_s.customer_id, _s.from_segment, _s.to_segment, _s.effective_at)
        .where(_s.effective_at <= moment, *conditions(_s.customer_id))
        .ext(distinct_on(_s.customer_id))
        .order_by(_s.customer_id, _s.sequence.desc())
    )
    last, ledger = changes.subquery(), _ledger(moment, conditions, {*windows.values()}).subquery()
    joined = customers.outerjoin(ledger, ledger.c.customer_id == _c.customer_id)
    joined = joined.outerjoin(last, last.c.customer_id == _c.customer_id)
    totals = (func.coalesce(ledger.c[name], 0).label(name) for name in TOTALS)
    counted = (_counted(ledger.c, name, windows).label(f"counted_{name}") for name in TOTALS if windows)
    # A revision may have moved every order behind the moment; then only the change is left of what was published.
    otherwise = case((last.c.to_segment.is_not(None), func.coalesce(ledger.c.last_event_at, last.c.effective_at)))
    query = (
        select(
            _c.customer_id,
            _c.country,
            _c.partition,
            last.c.to_segment.label("segment"),
            last.c.from_segment.label("previous_segment"),
            last.c.effective_at.label("segment_since"),
            *totals,
            ledger.c.first_purchase_at,
            ledger.c.last_purchase_at,
            ledger.c.last_event_at,
            func.coalesce(ledger.c.last_purchase_at, otherwise).label("counts_from"),
            *counted,
        )
        .select_from(joined)
        .where((ledger.c.orders > 0) | last.c.to_segment.is_not(None), *conditions(_c.customer_id))
    )
    return query.subquery("past_customers")


def _counted(ledger: Any, name: str, windows: Windows) -> ColumnElement[Any]:
    """The total that the model of the customer's partition counts."""
    inside = [(_c.partition == partition, ledger[f"{name}_{days}"]) for partition, days in windows.items()]
    return func.coalesce(case(*inside, else_=ledger[name]), 0)


def _ledger(moment: datetime, conditions: IdConditions, windows: Collection[int]) -> Select[Any]:
    """The totals of each customer's orders up to a moment, and those in windows; a cancelled order counts nothing."""
    totals = [total.label(name) for name, total in zip(TOTALS, ledger_totals(), strict=True)]
    for days in windows:
        inside = ledger_totals(_t.occurred_at > moment - timedelta(days=days))
        totals += [total.label(f"{name}_{days}") for name, total in zip(TOTALS, inside, strict=True)]
    return (
        select(
            _t.customer_id,
            func.count().filter(_t.kind != "cancelled").label("orders"),
            func.min(_t.occurred_at).filter(SALE).label("first_purchase_at"),
            func.max(_t.occurred_at).filter(SALE).label("last_purchase_at"),
            func.max(_t.occurred_at).label("last_event_at"),
            *totals,
        )
        .where(_t.occurred_at <= moment, *conditions(_t.customer_id))
        .group_by(_t.customer_id)
    )


def windows_at(connection: Connection, active: Mapping[int, str]) -> Windows:
    """The windows of the models that were active, by partition (:func:`models_at`)."""
    days = cast(models.c.spec["window_days"].astext, Integer)
    query = select(models.c.version, days).where(models.c.version.in_({*active.values()}), days.is_not(None))
    by_version = {row[0]: row[1] for row in connection.execute(query)}
    return {partition: by_version[version] for partition, version in active.items() if version in by_version}


def models_at(connection: Connection, moment: datetime) -> dict[int, str]:
    """The model that was active at a moment, by partition."""
    r = model_reigns.c
    former = select(r.partition, r.model_version, r.until).where(r.until > moment).order_by(r.until.desc())
    present = select(_p.partition, _p.model_version).where(
        _p.model_version.is_not(None), (_p.model_since.is_(None)) | (_p.model_since <= moment)
    )
    found = {row.partition: row.model_version for row in connection.execute(present)}
    for row in connection.execute(former.where((r.since.is_(None)) | (r.since <= moment))):
        found[row.partition] = row.model_version
    return found


def require_rescored(connection: Connection, moment: datetime, customer_id: str | None = None) -> None:
    """Refuse a moment if customers, or this one, still wait for a model that was activated by then.

    Raises
    ------
    PastError
        If any do.
    """
    waits = _c.model_version.is_distinct_from(_p.model_version)
    begun = _p.model_version.is_not(None) & (_p.model_since <= moment)
    same_partition = _p.partition == _c.partition
    query = select(func.count()).select_from(customers.join(stream_progress, same_partition & begun & waits))
    if customer_id is not None:
        query = query.where(_c.customer_id == customer_id)
    _refuse_waiting(connection, query, "customer waits", "customers wait")


def require_risk_rescored(connection: Connection, moment: datetime, rhythms: Mapping[str, str]) -> None:
    """Refuse a moment if the risk state of customers still waits for a model that was activated by then.

    Parameters
    ----------
    rhythms
        By version of a model: the version of the rhythm model that it carries. Not empty; others carry none.

    Raises
    ------
    PastError
        If any do.
    """
    r = risk_states.c
    # A model that was active from the beginning has no moment; its risk states may come with an upgrade.
    begun = _p.model_version.is_not(None) & (_p.model_since.is_(None) | (_p.model_since <= moment))
    wanted = case({version: literal(rhythm, Text) for version, rhythm in rhythms.items()}, value=_p.model_version)
    # As a worker decides it: customers with orders have a state, and a row stays when the last order is cancelled.
    waits = r.rhythm_version.is_distinct_from(wanted) & ((_c.frequency > 0) | r.customer_id.is_not(None))
    joined = customers.join(stream_progress, (_p.partition == _c.partition) & begun)
    stored = joined.outerjoin(risk_states, r.customer_id == _c.customer_id)
    query = select(func.count()).select_from(stored).where(waits)
    _refuse_waiting(connection, query, "risk state waits", "risk states wait")


def _refuse_waiting(connection: Connection, query: Select[int], one: str, several: str) -> None:
    waiting = connection.execute(query).scalar_one()
    if waiting:
        raise PastError(f"{many(waiting, one, several)} to be rescored by the new model: try again in a moment")


def _whole_since(connection: Connection) -> datetime | None:
    """From when on every customer's last change is stored; None if no change was ever deleted by itself."""
    changed = select(func.coalesce(func.sum(_c.sequence), 0)).scalar_subquery()
    stored = select(func.count()).select_from(segment_changes).scalar_subquery()
    if connection.execute(select(changed - stored)).scalar_one() == 0:
        return None
    found: datetime | None = connection.execute(select(func.max(_s.effective_at)).where(oldest_kept())).scalar_one()
    return found


def _own_since(connection: Connection, customer_id: str) -> datetime | None:
    """From when on a customer's changes are stored; None if none of them was ever deleted."""
    query = select(_s.sequence, _s.effective_at).where(_s.customer_id == customer_id).order_by(_s.sequence).limit(1)
    first = connection.execute(query).one_or_none()
    return None if first is None or first.sequence == 1 else first.effective_at


def oldest_kept() -> ColumnElement[bool]:
    """Whether a change is the first one that is left of its customer, whose earlier ones were deleted."""
    before = segment_changes.alias()
    earlier = select(before.c.customer_id).where(
        before.c.customer_id == _s.customer_id, before.c.sequence == _s.sequence - 1
    )
    return (_s.sequence > 1) & ~earlier.exists()


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
