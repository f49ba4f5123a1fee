"""SQL expressions that several queries share; importing them needs no pandas."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, cast, func


def micros(moment: ColumnElement[Any]) -> ColumnElement[int]:
    """A moment in microseconds since 1970, computed exactly by Postgres."""
    return cast(func.extract("epoch", moment) * 1_000_000, BigInteger)


def lowest_hashes(ids: Select[tuple[str]], most: int) -> Select[tuple[str]]:
    """At most this many of the customers' ids that a query selects: those with the lowest hash, in its order.

    Nothing but the id has an influence on the choice. In a session that masks ids, it is the masked id.
    """
    [customer_id] = ids.selected_columns
    # Digits and letters in the order of their bytes, whatever the database's collation.
    return ids.order_by(func.md5(customer_id).collate("C"), customer_id).limit(most)
