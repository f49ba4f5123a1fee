"""All orders and returns of one customer, by the primary key."""

import pandas as pd
from sqlalchemy import Connection, select

from data.postgres.frames import frame
from data.postgres.tables import transactions


def own_orders(connection: Connection, customer_id: str) -> pd.DataFrame:
    """The customer's orders and returns in order of time: occurred_at, kind, amount. Cancelled ones are left out."""
    t = transactions.c
    query = select(t.occurred_at, t.kind, t.amount).where(t.customer_id == customer_id, t.kind != "cancelled")
    return frame(connection, query.order_by(t.occurred_at, t.transaction_id))
