"""The ledger as :class:`models.drift.windows.WindowFold` reads it: the history before a moment, then pages of it.

Cancelled orders are left out.
"""

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Select, func, select

from data.postgres.expressions import lowest_hashes
from data.postgres.frames import MOMENT, frame, money_units
from data.postgres.ledger_totals import SALE, ledger_totals
from data.postgres.tables import transactions

_ledger = transactions.c
_COUNTS = _ledger.kind != "cancelled"


def history_before(connection: Connection, moment: datetime) -> pd.DataFrame:
    """The totals of each customer before a moment, computed by Postgres; customers with returns only are included.

    Index: ``customer_id``, ascending. Columns: ``frequency, gross_units, returned_units`` (ten-thousandths),
    ``first_purchase_at, last_purchase_at``.
    """
    totals = ledger_totals()
    query = (
        select(
            _ledger.customer_id,
            totals.frequency.label("frequency"),
            money_units(totals.gross).label("gross_units"),
            money_units(totals.returned).label("returned_units"),
            func.min(_ledger.occurred_at).filter(SALE).label("first_purchase_at"),
            func.max(_ledger.occurred_at).filter(SALE).label("last_purchase_at"),
        )
        .where(_ledger.occurred_at < moment, _COUNTS)
        .group_by(_ledger.customer_id)
        .order_by(_ledger.customer_id)
    )
    frame = _frame(connection, query, "first_purchase_at", "last_purchase_at").set_index("customer_id")
    return frame.astype(dict.fromkeys(("frequency", "gross_units", "returned_units"), "int64"))


def transactions_between(connection: Connection, start: datetime, stop: datetime) -> pd.DataFrame:
    """Transactions from ``start`` until before ``stop``, by event time, customer and id.

    ``customer_id, occurred_at, kind, amount_units`` (ten-thousandths). The order does not depend on the stream.
    """
    query = (
        select(
            _ledger.customer_id, _ledger.occurred_at, _ledger.kind, money_units(_ledger.amount).label("amount_units")
        )
        .where(_ledger.occurred_at >= start, _ledger.occurred_at < stop, _COUNTS)
        .order_by(_ledger.occurred_at, _ledger.customer_id, _ledger.transaction_id)
    )
    return _frame(connection, query, "occurred_at").astype({"amount_units": "int64"})


def orders_until(connection: Connection, moment: datetime, most_customers: int) -> pd.DataFrame:
    """All transactions up to a moment of at most this many customers, those with the lowest hash of their id.

    ``customer_id, occurred_at, kind, amount_units`` (ten-thousandths). The choice does not depend on what they buy, nor
    on what came after the moment.
    """
    counted = (_ledger.occurred_at <= moment, _COUNTS)
    everybody = select(_ledger.customer_id).where(*counted).distinct().subquery().c.customer_id
    chosen = lowest_hashes(select(everybody), most_customers)
    query = select(
        _ledger.customer_id, _ledger.occurred_at, _ledger.kind, money_units(_ledger.amount).label("amount_units")
    ).where(*counted, _ledger.customer_id.in_(chosen))
    ordered = query.order_by(_ledger.customer_id, _ledger.occurred_at, _ledger.transaction_id)
    return _frame(connection, ordered, "occurred_at").astype({"amount_units": "int64"})


def first_moment(connection: Connection) -> datetime | None:
    """The event time of the first transaction; None if there is none."""
    first: datetime | None = connection.execute(select(func.min(_ledger.occurred_at)).where(_COUNTS)).scalar_one()
    return first


def _frame(connection: Connection, query: Select[Any], *moments: str) -> pd.DataFrame:
    rows = frame(connection, query)
    for moment in moments:
        rows[moment] = pd.to_datetime(rows[moment], utc=True).astype(MOMENT)
    return rows
