"""A campaign in Postgres, without a broker, and orders of its customers."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, insert, select, update

from data.postgres import campaigns
from data.postgres.campaigns import Campaign
from data.postgres.progress import watermark
from data.postgres.tables import customers, stream_progress, transactions


def store_campaign(
    engine: Engine,
    name: str = "spring",
    days_ago: int = 20,
    horizon: int = 30,
    holdout: float = 0.3,
    customers_every: int = 1,
) -> Campaign:
    """A campaign that started this many days before the event time, as if its topic had it.

    It has all customers, or every ``customers_every``-th of them.
    """
    with engine.begin() as connection:
        now = watermark(connection)
        assert now is not None
        everybody = (
            connection.execute(select(customers.c.customer_id).order_by(customers.c.customer_id)).scalars().all()
        )
        ids = everybody[::customers_every]
        started = now - timedelta(days=days_ago)
        new = Campaign(name, holdout, horizon, started, 0, 0, 0.4, published=False)
        stored = campaigns.create(connection, new, campaigns.segments(connection, ids))
    campaigns.mark_published(engine, name)
    return stored


def add_order(engine: Engine, customer: str, number: str, at: datetime, amount: str, kind: str = "sale") -> None:
    """One row of the ledger."""
    row = {"customer_id": customer, "transaction_id": number, "occurred_at": at, "kind": kind, "amount": amount}
    with engine.begin() as connection:
        connection.execute(insert(transactions).values(row | {"country": "Germany", "revision": 0}))


def set_event_time(engine: Engine, now: datetime | None) -> None:
    """Move all partitions to a moment of event time."""
    with engine.begin() as connection:
        connection.execute(update(stream_progress).values(event_time=now))
