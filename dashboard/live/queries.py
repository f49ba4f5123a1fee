"""The live page's own query: the size of each segment."""

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, func, literal, select

from dashboard.shared.reading import or_empty
from data.postgres.frames import frame
from data.postgres.rfm import net_spend
from data.postgres.tables import customers


def segment_sizes(connection: Connection, due_by: datetime | None) -> pd.DataFrame:
    """Customers per segment, their spend net of returns, and how many of them time alone moves by ``due_by``.

    Columns segment, customers, spent, due. The segment is empty for those who only ever returned goods.
    """
    c = customers.c
    segment = or_empty(c.segment)
    due = func.count().filter(c.next_change_at <= literal(due_by, c.next_change_at.type))
    spent = func.sum(net_spend(c))
    query = select(segment, func.count().label("customers"), spent.label("spent"), due.label("due")).group_by(segment)
    return frame(connection, query)
