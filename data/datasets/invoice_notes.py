"""Notes about invoices and customers that look like several: a person should know what was made of them."""

import json

import duckdb

from data.datasets.cells import shown
from data.datasets.query import rows_of

_HALF_A_DAY = 43_200_000_000
# Of a customer with a fifth of all transactions it is likelier that it stands for many.
_SHARE, _FEWEST = 0.2, 50


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


def prevailing_customer(db: duckdb.DuckDBPyConnection, everything: int) -> list[str]:
    """A note about a customer with a large part of all transactions in ``folded``, such as a till or a marketplace."""
    if everything < _FEWEST:
        return []
    found = rows_of(
        db,
        """
        SELECT customer_id, count(*) AS own FROM folded GROUP BY customer_id
        HAVING own > $share * $everything AND own < $everything
        ORDER BY own DESC, customer_id LIMIT 1
        """,
        {"share": _SHARE, "everything": everything},
    )
    return [
        f"The customer {shown(customer)} has {own:,} of {everything:,} transactions (if it stands for many, such as a "
        f"till: --set 'customers.none=[{json.dumps(customer, ensure_ascii=False)}]')."
        for customer, own in found
    ]
