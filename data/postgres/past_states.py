"""Every customer's state at a past moment of event time, from the history of changes and the ledger.

A segment is the published one: that of the customer's last change which was effective by then. R, F and M are those of
the orders that happened by then, as the ledger has them now; what a model with a window counted of them is given, too.
Both belong together for everybody but customers with
orders that came late or were revised: such an order counts in the ledger from its own event time, and in the history of
changes from when it was applied, because history stays as subscribers have read it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Connection, Integer, Select, and_, case, cast, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from data.postgres.expressions import micros
from data.postgres.frames import MOMENT, AnySelect, copied, money_units
from data.postgres.tables import (
    customers,
    erasures,
    model_reigns,
    models,
    segment_changes,
    stream_progress,
    transactions,
)
from models.scoring import net_or_gross
from models.segment_model import SegmentModel
from models.units import MICROS_PER_DAY, Ints, from_micros, to_micros
from runtime.errors import Hint, NotFoundError

Models = Mapping[str, SegmentModel]
#: Memory for each step of the query, until the end of the database transaction.
WORK_MEM = "128MB"
#: The totals of a customer's orders. A column of the same name with ``counted_`` before it says what the model of the
#: moment counts.
TOTALS = ("frequency", "gross_units", "returned_units")
_SEGMENTS = {"segment": "category", "previous_segment": "category"}
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
    until
        The watermark of the slowest partition.
    slowest
        That partition if another one is ahead of it; None if all are equally far.
    forgotten
        How many customers are missing because they were forgotten.
    late, revisions
        How many orders came late, and how many were revised, since the stream began.
    """

    since: datetime | None
    until: datetime
    slowest: int | None
    forgotten: int
    late: int
    revisions: int

    def check(self, moment: datetime) -> None:
        """Refuse a moment that is not one of them.

        Raises
        ------
        PastError
            If the moment is after ``until`` or before ``since``.
        """
        if moment > self.until:
            who = "" if self.slowest is None else f"; partition {self.slowest} is the slowest"
            raise PastError(
                f"the stream has reached {_written(self.until)} of event time, and {_written(moment)} is after it{who}"
            )
        if self.since is not None and moment < self.since:
            raise PastError(
                f"the history of changes is whole from {_written(self.since)} on, and {_written(moment)} is before it: "
                "older changes were deleted by `segue prune`"
            )


class PastState(NamedTuple):
    """One customer at a past moment: the fields of :func:`past_states`, money in ten-thousandths.

    ``counts_from`` is the moment from which recency counts; None in no segment and without a purchase. What is counted
    is what the model of the moment counts: the same, or what is in its window.
    """

    customer_id: str
    country: str
    segment: str | None
    segment_since: datetime | None
    model_version: str | None
    counts_from: datetime | None
    recency_days: int | None
    frequency: int
    gross_units: int
    returned_units: int
    first_purchase_at: datetime | None
    last_purchase_at: datetime | None
    counted_frequency: int
    counted_gross_units: int
    counted_returned_units: int


def answerable(connection: Connection, customer_id: str | None = None) -> Answerable:
    """The moments that the stream can be shown at or, by the index only, one customer.

    Raises
    ------
    PastError
        If there is no such moment yet.
    """
    rows = connection.execute(select(_p.partition, _p.event_time, _p.late, _p.revisions).order_by(_p.partition)).all()
    silent = [row.partition for row in rows if row.event_time is None]
    if not rows or len(silent) == len(rows):
        raise PastError("the stream has not reached any event time yet", Hint.START_A_REPLAY)
    if silent:
        raise PastError(f"partition {silent[0]} has had no tick yet, so the stream is complete at no moment")
    first = min(rows, key=lambda row: row.event_time)
    ahead = max(row.event_time for row in rows) > first.event_time
    return Answerable(
        since=_whole_since(connection) if customer_id is None else _own_since(connection, customer_id),
        until=first.event_time,
        slowest=first.partition if ahead else None,
        forgotten=int(connection.execute(select(func.count(erasures.c.partition))).scalar_one()),
        late=sum(row.late for row in rows),
        revisions=sum(row.revisions for row in rows),
    )


def past_states(connection: Connection, moment: datetime) -> pd.DataFrame:
    """The state of every customer whom the stream knew at a moment that is :func:`answerable`.

    Returns
    -------
    DataFrame
        A row for each customer with an order or a segment by then, in the order of ids: ``customer_id, country`` (the
        present one), ``partition, segment, previous_segment`` (both None in no segment), ``segment_since,
        model_version`` (the model active at the moment; None without one), ``recency_days`` (missing without a purchase
        or a segment), ``frequency, gross_units, returned_units`` (ten-thousandths), ``first_purchase_at,
        last_purchase_at, counts_from``: the moment from which recency counts. Without any purchase left, this is the
        last event, as the worker counts it, or the last change. ``counted_frequency, counted_gross_units,
        counted_returned_units``: what the model active at the moment counts, all or what was in its window.

    Raises
    ------
    PastError
        If a model was activated by then for which not all customers are rescored yet.
    """
    active = models_at(connection, moment)
    require_rescored(connection, moment)
    # With less, Postgres reads both big tables in the order of customers, which takes twice as long.
    connection.execute(select(func.set_config("work_mem", WORK_MEM, True)))
    windows = _windows(connection, active)
    query = _states(moment, windows)
    rows = copied(connection, query, {"customer_id": "str", "country": "category", **_SEGMENTS})
    for name in TOTALS if not windows else ():
        rows[f"counted_{name}"] = rows[name]
    for name in ("first_purchase_at", "last_purchase_at", "last_event_at", "segment_since"):
        rows[name] = pd.to_datetime(rows[name], unit="us", utc=True).astype(MOMENT)
    for name in ("segment", "previous_segment"):
        rows[name] = rows[name].astype("object").where(rows[name] != "", None)
    rows["model_version"] = rows["partition"].map(active).astype("object").where(lambda column: column.notna(), None)
    last_event_at = rows.pop("last_event_at")
    # A revision may have moved every order behind the moment; then only the change is left of what was published.
    others = last_event_at.fillna(rows["segment_since"]).where(rows["segment"].notna())
    rows["counts_from"] = rows["last_purchase_at"].fillna(others)
    rows.insert(6, "recency_days", _days(rows["counts_from"], moment))
    return rows


def past_state(connection: Connection, moment: datetime, customer_id: str) -> PastState | None:
    """One customer at a moment that is answerable for them; None if the stream did not know them by then.

    Raises
    ------
    PastError
        If a model was activated by then for which the customer is not rescored yet.
    """
    require_rescored(connection, moment, customer_id)
    active = models_at(connection, moment)
    windows = _windows(connection, active)
    row = connection.execute(_states(moment, windows, customer_id)).one_or_none()
    if row is None:
        return None
    counted = (getattr(row, f"counted_{name}" if windows else name) for name in TOTALS)
    times = (row.segment_since, row.first_purchase_at, row.last_purchase_at, row.last_event_at)
    since, first, last, event = (None if at is None else from_micros(at) for at in times)
    counts_from = last or (event or since if row.segment is not None else None)
    return PastState(
        customer_id=row.customer_id,
        country=row.country,
        segment=row.segment,
        segment_since=since,
        model_version=active.get(row.partition),
        counts_from=counts_from,
        recency_days=None if counts_from is None else (moment - counts_from).days,
        frequency=row.frequency,
        gross_units=row.gross_units,
        returned_units=row.returned_units,
        first_purchase_at=first,
        last_purchase_at=last,
        **dict(zip((f"counted_{name}" for name in TOTALS), counted, strict=True)),
    )


def monetary_units(states: pd.DataFrame, models: Models) -> Ints:
    """M of :func:`past_states` in ten-thousandths, as the model of the moment counts it; net without a model."""
    names = ("counted_gross_units", "counted_returned_units")
    gross, returned = (states[name].to_numpy(dtype=np.int64) for name in names)
    is_gross = states["model_version"].map({version: model.monetary == "gross" for version, model in models.items()})
    units: Ints = np.where(is_gross.fillna(False).astype(bool), gross, net_or_gross("net", gross, returned))
    return units


def _windows(connection: Connection, active: Mapping[int, str]) -> dict[int, int]:
    """The window, in days, of the model of each partition whose model has one."""
    days = cast(models.c.spec["window_days"].astext, Integer)
    query = select(models.c.version, days).where(models.c.version.in_({*active.values()}), days.is_not(None))
    by_version = {row[0]: row[1] for row in connection.execute(query)}
    return {partition: by_version[version] for partition, version in active.items() if version in by_version}


def _states(moment: datetime, windows: Mapping[int, int], customer_id: str | None = None) -> AnySelect:
    """Of all customers, or of one of them."""
    changes = (
        select(_s.customer_id, _s.from_segment, _s.to_segment, _s.effective_at)
        .where(_s.effective_at <= moment)
        .ext(distinct_on(_s.customer_id))
        .order_by(_s.customer_id, _s.sequence.desc())
    )
    orders = _ledger(moment, {*windows.values()})
    if customer_id is not None:
        changes = changes.where(_s.customer_id == customer_id)
        orders = orders.where(_t.customer_id == customer_id)
    last, ledger = changes.subquery(), orders.subquery()
    joined = customers.outerjoin(ledger, ledger.c.customer_id == _c.customer_id)
    joined = joined.outerjoin(last, last.c.customer_id == _c.customer_id)
    totals = (func.coalesce(ledger.c[name], 0).label(name) for name in TOTALS)
    counted = () if not windows else (func.coalesce(_counted(ledger.c, name, windows), 0) for name in TOTALS)
    query = (
        select(
            _c.customer_id,
            _c.country,
            _c.partition,
            last.c.to_segment.label("segment"),
            last.c.from_segment.label("previous_segment"),
            micros(last.c.effective_at).label("segment_since"),
            *totals,
            micros(ledger.c.first_purchase_at).label("first_purchase_at"),
            micros(ledger.c.last_purchase_at).label("last_purchase_at"),
            micros(ledger.c.last_event_at).label("last_event_at"),
            *(column.label(f"counted_{name}") for name, column in zip(TOTALS, counted, strict=False)),
        )
        .select_from(joined)
        .where((ledger.c.orders > 0) | last.c.to_segment.is_not(None))
    )
    return query.order_by(_c.customer_id) if customer_id is None else query.where(_c.customer_id == customer_id)


def _counted(ledger: Any, name: str, windows: Mapping[int, int]) -> ColumnElement[Any]:
    """The total that the model of the customer's partition counts."""
    inside = [(_c.partition == partition, ledger[f"{name}_{days}"]) for partition, days in windows.items()]
    return case(*inside, else_=ledger[name])


def _ledger(moment: datetime, windows: Collection[int]) -> Select[Any]:
    """The totals of each customer's orders up to a moment, and those in windows; a cancelled order counts nothing."""
    sale, back = _t.kind == "sale", _t.kind == "return"
    in_windows: list[ColumnElement[Any]] = []
    for days in windows:
        inside = _t.occurred_at > moment - timedelta(days=days)
        sold, returned = (func.sum(_t.amount).filter(and_(kind, inside)) for kind in (sale, back))
        in_windows += [
            func.count().filter(and_(sale, inside)).label(f"frequency_{days}"),
            money_units(func.coalesce(sold, 0)).label(f"gross_units_{days}"),
            money_units(func.coalesce(returned, 0)).label(f"returned_units_{days}"),
        ]
    return (
        select(
            _t.customer_id,
            func.count().filter(_t.kind != "cancelled").label("orders"),
            func.count().filter(sale).label("frequency"),
            money_units(func.coalesce(func.sum(_t.amount).filter(sale), 0)).label("gross_units"),
            money_units(func.coalesce(func.sum(_t.amount).filter(back), 0)).label("returned_units"),
            func.min(_t.occurred_at).filter(sale).label("first_purchase_at"),
            func.max(_t.occurred_at).filter(sale).label("last_purchase_at"),
            func.max(_t.occurred_at).label("last_event_at"),
            *in_windows,
        )
        .where(_t.occurred_at <= moment)
        .group_by(_t.customer_id)
    )


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
    home = _p.partition == _c.partition
    query = select(func.count()).select_from(customers.join(stream_progress, home & begun & waits))
    if customer_id is not None:
        query = query.where(_c.customer_id == customer_id)
    waiting = int(connection.execute(query).scalar_one())
    if waiting:
        raise PastError(f"{waiting:,} customers wait to be rescored by the new model: try again in a moment")


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


def _days(since: "pd.Series[Any]", moment: datetime) -> "pd.Series[Any]":
    """Whole days from each moment to this one; missing where there is none."""
    begins = since.astype("int64").where(since.notna())
    return pd.Series(np.floor_divide(to_micros(moment) - begins, MICROS_PER_DAY), since.index).astype("Int64")


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
