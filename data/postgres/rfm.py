"""Recency and monetary value in SQL, as the model sees them."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, FromClause, Integer, cast, func, literal
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from data.postgres.tables import customers

if TYPE_CHECKING:
    # The views import this module, and every command imports them, without the model's numpy.
    from models.segment_model import SegmentModel


def recency_days(event_time: datetime, people: FromClause = customers) -> ColumnElement[int]:
    """Whole days since the last purchase, as of event time or the customer's own last event, if that is later.

    Without any purchase left, since the last event: only a customer whose orders were all cancelled has a segment then.
    """
    c = people.c
    as_of = func.greatest(c.last_event_at, literal(event_time, c.last_event_at.type))
    # An interval has days and a remainder; its days are the whole ones.
    return cast(func.extract("day", as_of - func.coalesce(c.last_purchase_at, c.last_event_at)), Integer)


#: :func:`monetary` of a row ``t`` under the model ``m``, as text for a view, whose rows have models of both kinds.
MONETARY_OF_EACH = (
    "CASE m.spec ->> 'monetary' WHEN 'net' THEN greatest(t.gross - t.returned, 0) WHEN 'gross' THEN t.gross END"
)


def net_spend(of: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[Decimal]:
    """Spend net of returns; it is below 0 if more was returned than bought."""
    net: ColumnElement[Decimal] = of.gross - of.returned
    return net


def monetary(model: "SegmentModel", people: FromClause = customers) -> ColumnElement[object]:
    """Spend as the model counts it: net of returns and not below 0, or gross.

    ``people`` are those of :func:`data.postgres.counted.counted_customers` for the model's window.
    """
    c = people.c
    return func.greatest(net_spend(c), 0) if model.monetary == "net" else c.gross
