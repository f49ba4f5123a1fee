"""All orders and all published changes up to a moment, of some customers after the others.

One part has a bounded number of orders and changes, so that memory does not grow with the shop. A customer is in one
part as a whole.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Connection, func, select

from data.postgres.expressions import micros
from data.postgres.frames import copied, money_units
from data.postgres.tables import customers, risk_changes, segment_changes, transactions

#: The most customers of a part, and about how many orders and changes it has; one customer may have more.
MOST_CUSTOMERS, MOST_ROWS = 20_000, 300_000
_c, _t, _s, _r = customers.c, transactions.c, segment_changes.c, risk_changes.c
_SEGMENTS = {"from_segment": "category", "to_segment": "category"}


class HistoryPart(NamedTuple):
    """Some customers, in the order of ids, and what the stream knows of them; moments are microseconds.

    Parameters
    ----------
    customer_id
        The id of each customer, by number.
    orders
        ``customer`` (number), ``transaction_id, occurred_at, kind, amount_units`` (ten-thousandths), each customer's in
        order of event time and id. Cancelled orders are left out.
    published
        The changes: ``customer, from_segment`` ("" for none), ``to_segment, cause, effective_at, model_version``, each
        customer's in the order of their sequence.
    revised
        How many of the customers have an order that was revised.
    published_risk
        The risk changes, if they were asked for: ``customer, from_state, to_state`` ("" for none), ``cause,
        effective_at, rhythm_version``, each customer's in the order of their sequence.
    """

    customer_id: list[str]
    orders: pd.DataFrame
    published: pd.DataFrame
    revised: int
    published_risk: pd.DataFrame | None = None


def customer_count(connection: Connection) -> int:
    """How many customers the stream knows."""
    return int(connection.execute(select(func.count()).select_from(customers)).scalar_one())


def history_parts(
    connection: Connection,
    until: datetime,
    most_customers: int = MOST_CUSTOMERS,
    most_rows: int = MOST_ROWS,
    with_risk: bool = False,
) -> Iterator[HistoryPart]:
    """All customers, part by part; the connection must see one moment throughout.

    Parameters
    ----------
    until
        Orders that happened and changes that were effective by this moment.
    with_risk
        Whether the risk changes are read, too.
    """
    after: str | None = None
    while customer_id := _next_customers(connection, after, most_customers, most_rows):
        part = _part(connection, customer_id, until)
        yield part._replace(published_risk=_risk(connection, customer_id, until)) if with_risk else part
        after = customer_id[-1]


def _next_customers(connection: Connection, after: str | None, most_customers: int, most_rows: int) -> list[str]:
    # Not exact, since returns are not counted; it only has to bound the part.
    rows = (_c.frequency + _c.sequence + 1).label("rows")
    query = select(_c.customer_id, rows).order_by(_c.customer_id).limit(most_customers)
    found = connection.execute(query if after is None else query.where(_c.customer_id > after)).all()
    enough = int(np.searchsorted(np.cumsum([row.rows for row in found]), most_rows, side="right"))
    return [row.customer_id for row in found[: max(enough, 1)]]


def _part(connection: Connection, customer_id: list[str], until: datetime) -> HistoryPart:
    orders = select(
        _t.customer_id,
        _t.transaction_id,
        micros(_t.occurred_at).label("occurred_at"),
        _t.kind,
        money_units(_t.amount).label("amount_units"),
        _t.revision,
    ).where(_among(_t.customer_id, customer_id), _t.occurred_at <= until)
    changes = select(
        _s.customer_id,
        _s.from_segment,
        _s.to_segment,
        _s.cause,
        micros(_s.effective_at).label("effective_at"),
        _s.model_version,
    ).where(_among(_s.customer_id, customer_id), _s.effective_at <= until)
    texts = {"customer_id": "str", "transaction_id": "str", "kind": "category"}
    found = copied(connection, orders.order_by(_t.customer_id, _t.occurred_at, _t.transaction_id), texts)
    texts = {"customer_id": "str", "cause": "category", "model_version": "category"} | _SEGMENTS
    published = copied(connection, changes.order_by(_s.customer_id, _s.sequence), texts)
    counted = found[found["kind"] != "cancelled"].drop(columns="revision")
    return HistoryPart(
        customer_id,
        _numbered(counted, customer_id),
        _numbered(published, customer_id),
        int(found.loc[found["revision"] > 0, "customer_id"].nunique()),
    )


def _risk(connection: Connection, customer_id: list[str], until: datetime) -> pd.DataFrame:
    changes = select(
        _r.customer_id,
        _r.from_state,
        _r.to_state,
        _r.cause,
        micros(_r.effective_at).label("effective_at"),
        _r.rhythm_version,
    ).where(_among(_r.customer_id, customer_id), _r.effective_at <= until)
    texts = {"customer_id": "str"} | dict.fromkeys(("from_state", "to_state", "cause", "rhythm_version"), "category")
    return _numbered(copied(connection, changes.order_by(_r.customer_id, _r.sequence), texts), customer_id)


def _among(column: ColumnElement[str], customer_id: list[str]) -> ColumnElement[bool]:
    return column.between(customer_id[0], customer_id[-1])


def _numbered(rows: pd.DataFrame, customer_id: list[str]) -> pd.DataFrame:
    """The rows with the customer's number instead of the id."""
    number = pd.Index(customer_id, dtype="str").get_indexer(pd.Index(rows["customer_id"], dtype="str"))
    numbered = rows.drop(columns="customer_id")
    numbered.insert(0, "customer", number.astype(np.int64))
    return numbered[number >= 0].reset_index(drop=True)
