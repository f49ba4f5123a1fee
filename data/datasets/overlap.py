"""What several exports hold of the same invoices.

An invoice that two exports hold with equal lines is kept from the first export. One with other lines is ambiguous: it
was changed between the exports, or it was cut where one file ends and the next one begins.
"""

import duckdb

from data.datasets.query import count

# What makes two lines equal. A description may be corrected later, and a country is not a matter of the line.
_LINE = "occurred_at, stock_code, quantity, price_units, amount_units"


def mark_repeated(db: duckdb.DuckDBPyConnection) -> None:
    """Leave out in ``rows`` what an earlier export holds too, and add other contents of an invoice to ``faults``."""
    if count(db, "SELECT count(DISTINCT export) FROM rows") < 2:
        return
    db.execute(
        f"""
        CREATE TABLE held AS
        WITH shared AS (
            SELECT transaction_id, customer_id, min(export) AS first FROM rows
            WHERE left_out IS DISTINCT FROM 'rejected'
            GROUP BY transaction_id, customer_id HAVING min(export) < max(export)
        )
        SELECT export, transaction_id, rows.customer_id, first, count(*) AS lines,
               sum(hash({_LINE})::HUGEINT) AS content, min(source) AS source, min(row) AS row,
               bool_and(rows.left_out IS NOT NULL) AS is_left_out
        FROM rows JOIN shared USING (transaction_id)
        WHERE shared.customer_id IS NOT DISTINCT FROM rows.customer_id
            AND rows.left_out IS DISTINCT FROM 'rejected'
        GROUP BY export, transaction_id, rows.customer_id, first
        """
    )
    db.execute(
        """
        CREATE TABLE repeats AS
        SELECT later.export, later.transaction_id, later.customer_id, later.source, later.row,
               earlier.source AS first_source, earlier.row AS first_row, later.is_left_out,
               later.lines = earlier.lines AND later.content = earlier.content AS is_equal
        FROM held AS later JOIN held AS earlier
            ON earlier.export = later.first AND earlier.transaction_id = later.transaction_id
            AND earlier.customer_id IS NOT DISTINCT FROM later.customer_id
        WHERE later.export > later.first
        """
    )
    db.execute("DROP TABLE held")
    db.execute(
        """
        UPDATE rows SET left_out = 'repeated' FROM repeats
        WHERE is_equal AND rows.export = repeats.export AND rows.transaction_id = repeats.transaction_id
            AND rows.customer_id IS NOT DISTINCT FROM repeats.customer_id
            AND rows.left_out IS DISTINCT FROM 'rejected'
        """
    )
    db.execute(
        """
        INSERT INTO faults
        SELECT repeats.source, repeats.row, 'transaction',
            'invoice ' || transaction_id || ' of customer ' || customer_id
            || ' has other lines here than in ' || places.place || ' from row ' || first_row || ' on'
        FROM repeats JOIN places ON places.source = first_source
        WHERE NOT is_equal AND NOT is_left_out
        """
    )
    db.execute("DROP TABLE repeats")
