"""Folds canonical rows into transactions: one for each invoice of a customer."""

import duckdb

from data.contract.bounds import MAX_MONEY
from data.datasets.mapping import Returns
from data.datasets.query import count, one
from models.units import MONEY_UNITS

_MAX_UNITS = MAX_MONEY * MONEY_UNITS


def fold(db: duckdb.DuckDBPyConnection, returns: Returns, *, look: bool = True) -> None:
    """Make the table ``folded``, one row per invoice, from ``rows``; add invoices that can't be right to ``faults``.

    An invoice happened at its first moment, and in the country of its first row. It is a return if its id or its kind
    says so, or if its total is negative.
    """
    db.execute(
        """
        CREATE OR REPLACE TABLE folded AS
        SELECT *, total < 0 OR has_prefix OR coalesce(is_return_kind, false) AS is_return FROM (
        SELECT transaction_id, customer_id, min(occurred_at) AS occurred_at, max(occurred_at) AS ended_at,
               sum(amount_units::HUGEINT) AS total,
               arg_min(country, (source, row)) AS country, count(quantity) AS line_count,
               bool_or(has_prefix) AS has_prefix, bool_or(is_return_kind) AS is_return_kind,
               min((source, row)) AS place
        FROM rows WHERE left_out IS NULL GROUP BY transaction_id, customer_id)
        """
    )
    if look:
        _look(db, returns)


def _look(db: duckdb.DuckDBPyConnection, returns: Returns) -> None:
    # A shop writes what it paid back either as negative amounts or as positive ones, but not both.
    signed = count(db, "SELECT count(*) FROM folded WHERE is_return_kind AND total < 0") > 0
    refuse = "true" if signed else "has_prefix"
    negative = "false" if returns.negative else "is_return_kind IS NULL"
    reasons = {
        f"abs(total) >= {_MAX_UNITS}": "is too large an amount",
        f"total > 0 AND (has_prefix OR is_return_kind) AND {refuse}": "is positive for a return",
        f"total < 0 AND NOT has_prefix AND (is_return_kind = false OR {negative})": "is negative for a sale",
    }
    found = one(db, f"SELECT {', '.join(f'count(*) FILTER ({condition})' for condition in reasons)} FROM folded")
    for (condition, reason), invoices in zip(reasons.items(), found, strict=True):
        if not invoices:
            continue
        db.execute(
            f"""
            INSERT INTO faults
            SELECT place[1], place[2], 'transaction', 'invoice ' || transaction_id || ': a total of '
                || regexp_replace((total::DECIMAL(30, 0) * 0.0001::DECIMAL(5, 4))::VARCHAR, '00$', '') || ' {reason}'
            FROM folded WHERE {condition}
            """
        )


def number(db: duckdb.DuckDBPyConnection) -> None:
    """Make the table ``transactions`` from ``folded``, in the order of event time, and drop ``folded``."""
    db.execute(
        """
        CREATE TABLE transactions AS
        SELECT row_number() OVER () - 1 AS number, transaction_id, customer_id, occurred_at, kind, amount_units,
               country, line_count, (sum(line_count) OVER (ROWS UNBOUNDED PRECEDING))::BIGINT - line_count AS first_line
        FROM (
            SELECT transaction_id, customer_id, occurred_at,
                   CASE WHEN is_return THEN 'return' ELSE 'sale' END AS kind,
                   abs(total)::BIGINT AS amount_units, country, line_count
            FROM folded ORDER BY occurred_at, transaction_id, customer_id
        )
        """
    )
    db.execute("DROP TABLE folded")


def order_lines(db: duckdb.DuckDBPyConnection) -> None:
    """Make the table ``lines``: the kept rows that are lines, in the order of their transactions and of the files."""
    db.execute(
        """
        CREATE TABLE lines AS
        SELECT number, row_number() OVER () - 1 - first_line AS line, stock_code, description, quantity, price_units
        FROM (
            SELECT number, first_line, stock_code, description, quantity, price_units
            FROM rows JOIN transactions USING (transaction_id, customer_id)
            WHERE left_out IS NULL AND quantity IS NOT NULL
            ORDER BY number, source, row
        )
        """
    )
