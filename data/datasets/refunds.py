"""Refunds that an invoice mentions: each becomes a return of its own."""

import duckdb

from data.contract.bounds import MAX_ID_LENGTH
from data.datasets.ids import REFUND
from data.datasets.query import count


def add_refunds(db: duckdb.DuckDBPyConnection) -> None:
    """Add a return for what was paid back of an invoice, at the invoice's time, with an id of its own.

    The sale stays as it is, so that it counts in F and in gross M; the return counts in net M.
    """
    if count(db, "SELECT count(*) FILTER (refund_units <> 0) FROM rows"):
        _refuse_refunds(db)
        db.execute(
            f"""
            INSERT INTO rows BY NAME
            SELECT source, row, export, transaction_id || '-{REFUND}' AS transaction_id, customer_id, occurred_at,
                   '{REFUND}' AS stock_code, 'Refund' AS description, -1 AS quantity, paid AS price_units,
                   -paid AS amount_units, country, left_out, false AS not_sale, false AS has_prefix,
                   NULL AS is_return_kind
            FROM (
                SELECT source, min(row) AS row, export, transaction_id, customer_id, min(occurred_at) AS occurred_at,
                       arg_min(country, row) AS country, left_out,
                       CASE WHEN min(abs(refund_units)) FILTER (refund_units <> 0) = max(abs(refund_units))
                            THEN max(abs(refund_units)) ELSE sum(abs(refund_units)) END::BIGINT AS paid
                FROM rows GROUP BY source, export, transaction_id, customer_id, left_out
                HAVING count(*) FILTER (refund_units <> 0) > 0
            )
            """
        )
    db.execute("ALTER TABLE rows DROP COLUMN refund_units")


def _refuse_refunds(db: duckdb.DuckDBPyConnection) -> None:
    """Add refunds to ``faults`` whose id would be too long, or is the id of another transaction."""
    db.execute(
        f"""
        INSERT INTO faults
        SELECT source, row, 'refund', 'the refund needs the number ' || transaction_id || '-{REFUND}, which is too long'
        FROM rows WHERE refund_units <> 0 AND left_out IS NULL AND len(transaction_id || '-{REFUND}') > {MAX_ID_LENGTH}
        """
    )
    db.execute(
        f"""
        INSERT INTO faults
        SELECT DISTINCT paid.source, paid.row, 'refund',
            'the refund needs the number ' || other.transaction_id || ', which another transaction has'
        FROM rows AS paid JOIN rows AS other
            ON other.transaction_id = paid.transaction_id || '-{REFUND}' AND other.customer_id = paid.customer_id
        WHERE paid.refund_units <> 0 AND paid.left_out IS NULL
        """
    )
