"""Notes about invoices that look like several: a person should know what was made of them."""

import duckdb

from data.datasets.query import rows_of

_HALF_A_DAY = 43_200_000_000


def days_apart(db: duckdb.DuckDBPyConnection) -> list[str]:
    """A note about invoices in the table ``folded`` whose rows are days apart: their numbers may begin anew."""
    found = rows_of(
        db,
        """
        SELECT transaction_id, count(*) OVER () FROM folded
        WHERE ended_at - occurred_at > $longest ORDER BY transaction_id LIMIT 1
        """,
        {"longest": _HALF_A_DAY},
    )
    return [
        f"{invoices:,} {'invoices have' if invoices > 1 else 'invoice has'} rows of one customer more than half a day "
        f"apart, such as {example}; each is one transaction at its first time. If the shop gives a number again, put "
        "the date into the number."
        for example, invoices in found
    ]
