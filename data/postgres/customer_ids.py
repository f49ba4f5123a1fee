"""Ids of customers that look like a mistyped one."""

from sqlalchemy import Engine, func, select

from data.postgres.tables import customers

_MOST = 3


def similar_ids(engine: Engine, customer_id: str) -> list[str]:
    """At most three ids that differ from a given one by case, by space around it, or by a trailing ``.0``."""
    wanted = customer_id.strip().removesuffix(".0").lower()
    same = func.lower(customers.c.customer_id) == wanted
    query = select(customers.c.customer_id).where(same).order_by(customers.c.customer_id).limit(_MOST)
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())
