"""What the customers of a campaign did since its start, from the ledger."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select, text

from data.postgres.campaigns import Campaign
from data.postgres.tables import campaign_members
from models.campaigns.outcomes import Outcomes

# The whole microseconds of an interval are exact in Postgres; day 1 is the first 24 hours.
_DAYS = """
SELECT m.number, ceil(extract(epoch FROM t.occurred_at - :start) / 86400)::integer AS day,
       count(*) FILTER (WHERE t.kind = 'sale') AS orders,
       sum(CASE t.kind WHEN 'sale' THEN t.amount WHEN 'return' THEN -t.amount ELSE 0 END)::double precision AS money
FROM campaign_members AS m JOIN transactions AS t ON t.customer_id = m.customer_id
WHERE m.campaign = :name AND t.occurred_at > :start AND t.occurred_at <= :end AND t.kind <> 'cancelled'
GROUP BY 1, 2
"""
_CUSTOMERS = """
SELECT m.customer_id, CASE WHEN m.held_out THEN 'held_out' ELSE 'treated' END AS "group", m.segment AS segment_at_start,
       coalesce(d.orders, 0) AS orders, coalesce(d.money, 0) AS net_spend
FROM campaign_members AS m LEFT JOIN LATERAL (
  SELECT count(*) FILTER (WHERE t.kind = 'sale') AS orders,
         sum(CASE t.kind WHEN 'sale' THEN t.amount WHEN 'return' THEN -t.amount ELSE 0 END) AS money
  FROM transactions AS t
  WHERE t.customer_id = m.customer_id AND t.occurred_at > :start AND t.occurred_at <= :end
) AS d ON true
WHERE m.campaign = :name ORDER BY m.number LIMIT :most
"""


def outcomes(connection: Connection, campaign: Campaign, event_time: datetime) -> Outcomes:
    """What the customers of a campaign who are not forgotten did in its whole days so far."""
    days = campaign.days_until(event_time)
    c = campaign_members.c
    rows = connection.execute(select(c.number, c.held_out).where(c.campaign == campaign.name).order_by(c.number)).all()
    numbers = np.array([row.number for row in rows], dtype=np.int64)
    found = connection.execute(text(_DAYS), _window(campaign, days)).all()
    table = np.array([(row.number, row.day, row.orders) for row in found], dtype=np.int64).reshape(-1, 3)
    return Outcomes(
        held_out=np.array([row.held_out for row in rows], dtype=np.bool_),
        customer=np.searchsorted(numbers, table[:, 0]),
        day=table[:, 1],
        orders=table[:, 2],
        money=np.array([row.money for row in found], dtype=np.float64),
        days=days,
    )


def customer_rows(connection: Connection, campaign: Campaign, event_time: datetime, most: int) -> pd.DataFrame:
    """Customers of a campaign with group, segment at the start, and orders and net spend of its whole days so far.

    Columns: ``customer_id, group`` (treated or held_out), ``segment_at_start, orders, net_spend``.
    """
    values = _window(campaign, campaign.days_until(event_time)) | {"most": most}
    found = connection.execute(text(_CUSTOMERS), values)
    return pd.DataFrame([tuple(row) for row in found], columns=[*found.keys()])


def _window(campaign: Campaign, days: int) -> dict[str, object]:
    start = campaign.started_at
    return {"name": campaign.name, "start": start, "end": start + timedelta(days=days)}
