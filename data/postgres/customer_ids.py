"""Ids of customers: those that look like a mistyped one, and the one behind a masked id."""

from sqlalchemy import Engine, func, select

from data.postgres.masked_views import MASK_BEGINS
from data.postgres.tables import customer_masks, customers

_MOST = 3


def similar_ids(engine: Engine, customer_id: str) -> list[str]:
    """At most three ids that differ from a given one by case, by space around it, or by a trailing ``.0``."""
    wanted = customer_id.strip().removesuffix(".0").lower()
    same = func.lower(customers.c.customer_id) == wanted
    query = select(customers.c.customer_id).where(same).order_by(customers.c.customer_id).limit(_MOST)
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def behind(engine: Engine, masked_id: str) -> str | None:
    """The id of the customer whose masked id this is; None if there is none.

    Only operators and the owner may ask. For an id that can't be a masked one nobody needs their rights.
    """
    if not masked_id.startswith(MASK_BEGINS):
        return None
    query = select(customer_masks.c.customer_id).where(customer_masks.c.mask == masked_id).limit(1)
    with engine.connect() as connection:
        return connection.execute(query).scalar_one_or_none()
