"""Customers who are gone as after `segue forget`, in tables that no worker has."""

from sqlalchemy import Engine, text

_ERASED = """
INSERT INTO erasures (hash, partition, position, transactions, changes, dead_letters) VALUES ('x', 0, 1, 1, 1, 0)
"""


def forget_somebody(postgres: Engine) -> str:
    """Delete the first customer; returns the id."""
    with postgres.begin() as connection:
        gone: str = connection.execute(text("SELECT min(customer_id) FROM customers")).scalar_one()
        for table in ("customers", "transactions", "segment_changes"):
            connection.execute(text(f"DELETE FROM {table} WHERE customer_id = :gone"), {"gone": gone})
        connection.execute(text(_ERASED))
    return gone
