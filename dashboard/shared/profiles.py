"""Stored profiles: one of them, and the customers of some segments with R, F and M as the model sees them.

R is as of event time (see :mod:`data.postgres.rfm`); F and M are as the model counts them
(:mod:`data.postgres.counted`). Customers who never bought have no segment and are left out of a population.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Float, FromClause, Row, cast, func, select

from data.postgres.counted import Counted, counted_customers
from data.postgres.frames import AnySelect, frame
from data.postgres.rfm import monetary, recency_days
from data.postgres.tables import customers
from models.scoring import before_floor
from models.segment_model import SegmentModel


@dataclass(frozen=True)
class PastProfile:
    """A customer as of a past moment, with the names of a stored profile's columns.

    ``last_event_at`` is the moment from which recency counts if there is no purchase. ``model_version`` is that of the
    model which was active; None without one.
    """

    customer_id: str
    country: str
    first_purchase_at: datetime | None
    last_purchase_at: datetime | None
    last_event_at: datetime
    frequency: int
    gross: Decimal
    returned: Decimal
    segment: str | None
    segment_since: datetime | None
    model_version: str | None
    next_change_at: datetime | None
    next_segment: str | None


#: A stored profile, or one of the past.
Profile = Row[tuple[object, ...]] | PastProfile


@dataclass(frozen=True)
class SegmentPopulation:
    """The customers in some segments, with R and M as the model sees them at event time."""

    model: SegmentModel
    event_time: datetime
    segments: Sequence[str]

    @cached_property
    def people(self) -> FromClause:
        """The table of customers, with F and M as the model counts them."""
        return counted_customers(self.model.window_days, self.event_time)

    @property
    def rfm(self) -> dict[str, ColumnElement[Any]]:
        """Expressions for R, F and M by name."""
        return {
            "recency": recency_days(self.event_time, self.people).label("recency"),
            "frequency": self.people.c.frequency.label("frequency"),
            "monetary": monetary(self.model, self.people).label("monetary"),
        }


def profile(connection: Connection, customer_id: str) -> Row[tuple[object, ...]] | None:
    """A customer's profile, with all columns of the table; None if there is no such customer."""
    return connection.execute(select(customers).where(customers.c.customer_id == customer_id)).one_or_none()


def counted(
    connection: Connection, found: Row[tuple[object, ...]], model: SegmentModel, event_time: datetime
) -> Counted:
    """What a model counts of a stored profile at event time."""
    if model.window_days is None:
        return counted_whole(found)
    c = counted_customers(model.window_days, event_time).c
    query = select(c.frequency, c.gross, c.returned).where(c.customer_id == found.customer_id)
    row = connection.execute(query).one_or_none()
    # The customer may have been forgotten meanwhile.
    return Counted(0, Decimal(0), Decimal(0)) if row is None else Counted(row.frequency, row.gross, row.returned)


def counted_whole(found: Profile) -> Counted:
    """The totals of a profile, which count everything."""
    return Counted(found.frequency, found.gross, found.returned)


def spend_before_floor(found: Counted, model: SegmentModel) -> Decimal:
    """A spend: net of returns (and perhaps below 0) or gross, as the model counts it."""
    return before_floor(model.monetary, found.gross, found.returned)


def select_rfm(population: SegmentPopulation, *names: str) -> AnySelect:
    """A query for the segment and the named measures (none named: all three) of every customer in a population."""
    c = population.people.c
    measures = [expression for name, expression in population.rfm.items() if not names or name in names]
    return select(c.segment, *measures).where(c.segment.in_(population.segments))


def means(connection: Connection, population: SegmentPopulation) -> pd.DataFrame:
    """Per segment: customers, and the means of recency, frequency and monetary."""
    rfm = select_rfm(population).subquery().c
    averages = [func.avg(cast(rfm[name], Float)).label(name) for name in population.rfm]
    return frame(connection, select(rfm.segment, func.count().label("customers"), *averages).group_by(rfm.segment))
