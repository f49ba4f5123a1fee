"""Profiles of the stream's customers, as of a moment of event time.

The stored profiles are the newest ones. As of an earlier moment, or in a window, Postgres computes them from the
ledger. All are equal to what :func:`batch.profiles.profiles_as_of` computes from the same transactions.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, FromClause, Select, func, select

from data.postgres.counted import counted_customers
from data.postgres.frames import MOMENT, frame, money_units
from data.postgres.ledger_totals import SALE, ledger_totals
from data.postgres.progress import watermark
from data.postgres.tables import customers, stream_progress, transactions
from runtime.errors import Hint, NotFoundError

DAY = timedelta(days=1)


@dataclass(frozen=True)
class StreamProfiles:
    """Profiles as of a moment; ``event_time`` is the watermark, after which no transaction counts."""

    profiles: pd.DataFrame
    as_of: datetime
    event_time: datetime


def read_profiles(engine: Engine, as_of: datetime | None = None, window_days: int | None = None) -> StreamProfiles:
    """Profiles of the stream's customers, from one snapshot of the tables.

    Parameters
    ----------
    as_of
        The moment; by default one day after the last transaction up to the watermark of the slowest partition. Later
        transactions do not count.
    window_days
        Frequency and money count only what happened less than this many days before the moment; None counts everything.

    Raises
    ------
    NotFoundError
        If the stream has no watermark or no transactions yet, or ``as_of`` is more than a day after the watermark.
    """
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        newest = _watermark(connection)
        last = connection.execute(
            select(func.max(transactions.c.occurred_at)).where(transactions.c.occurred_at <= newest)
        ).scalar_one()
        if last is None:
            raise NotFoundError("the stream has no transactions yet", Hint.START_A_REPLAY)
        moment = last + DAY if as_of is None else as_of
        if moment > newest + DAY:
            raise NotFoundError(
                f"the stream has only reached {newest:%Y-%m-%d %H:%M}, not {moment:%Y-%m-%d %H:%M} of event time"
            )
        return StreamProfiles(_profiles(connection, moment, min(newest, moment), window_days), moment, newest)


def current_profiles(engine: Engine, window_days: int | None = None) -> pd.DataFrame:
    """Profiles of all customers, each as of the customer's as-of time: what a model activated now would see."""
    people = counted_customers(window_days, None)
    watermarks = stream_progress.c.event_time.label("event_time")
    same_partition = stream_progress.c.partition == people.c.partition
    query = (
        _at_rest(people)
        .add_columns(people.c.last_event_at, watermarks)
        .outerjoin_from(people, stream_progress, same_partition)
    )
    with engine.connect() as connection:
        frame = _frame(connection, query, "last_event_at", "event_time")
    return _with_recency(frame, pd.concat([frame.pop("event_time"), frame.pop("last_event_at")], axis=1).max(axis=1))


def _watermark(connection: Connection) -> datetime:
    found = watermark(connection)
    if found is None:
        raise NotFoundError("the stream has not reached any event time yet", Hint.START_A_REPLAY)
    return found


def _profiles(connection: Connection, as_of: datetime, until: datetime, window_days: int | None) -> pd.DataFrame:
    if window_days is not None:
        return _with_recency(_frame(connection, _counted(until, as_of - timedelta(days=window_days))), as_of)
    newest = connection.execute(select(func.max(customers.c.last_event_at))).scalar_one()
    frame = _frame(connection, _at_rest(customers) if newest <= until else _counted(until))
    return _with_recency(frame, as_of)


def _frame(connection: Connection, query: Select[Any], *moments: str) -> pd.DataFrame:
    rows = frame(connection, query).set_index("customer_id").sort_index()
    rows.index = rows.index.astype("str")
    for name in ("first_purchase_at", "last_purchase_at", *moments):
        rows[name] = pd.to_datetime(rows[name], utc=True).astype(MOMENT)
    return rows.astype(dict.fromkeys(("frequency", "gross_units", "returned_units"), "int64"))


def _with_recency(frame: pd.DataFrame, as_of: "datetime | pd.Series") -> pd.DataFrame:
    frame.insert(0, "recency_days", (as_of - frame["last_purchase_at"]).dt.days.astype("int64"))
    return frame


def _at_rest(people: FromClause) -> Select[Any]:
    table = people.c
    # A customer without a purchase in the window has an earlier one, which has a date.
    bought = table.frequency > 0 if people is customers else table.last_purchase_at.is_not(None)
    return select(
        table.customer_id,
        table.frequency,
        money_units(table.gross).label("gross_units"),
        money_units(table.returned).label("returned_units"),
        table.first_purchase_at,
        table.last_purchase_at,
    ).where(bought)


def _counted(until: datetime, since: datetime | None = None) -> Select[Any]:
    table = transactions.c
    totals = ledger_totals() if since is None else ledger_totals(table.occurred_at > since)
    return (
        select(
            table.customer_id,
            totals.frequency.label("frequency"),
            money_units(totals.gross).label("gross_units"),
            money_units(totals.returned).label("returned_units"),
            func.min(table.occurred_at).filter(SALE).label("first_purchase_at"),
            func.max(table.occurred_at).filter(SALE).label("last_purchase_at"),
        )
        .where(table.occurred_at <= until, table.kind != "cancelled")
        .group_by(table.customer_id)
        .having(ledger_totals().frequency > 0)
    )
