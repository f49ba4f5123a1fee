"""What several exports hold of the same invoices.

An invoice that two exports hold with equal lines is kept from the first export. One with other lines is ambiguous: it
was changed between the exports, or it was cut where one file ends and the next one begins. An order that was no sale
yet in one export, such as an unpaid one, is the sale of a later one; the other way round is ambiguous, too.
"""

from collections.abc import Sequence

import duckdb

# What makes two lines equal. A description may be corrected later, and a country is not a matter of the line.
_LINE = "occurred_at, stock_code, quantity, price_units, amount_units"


def mark_repeated(db: duckdb.DuckDBPyConnection, places: Sequence[str]) -> None:
    """Leave out in ``rows`` what an earlier export holds too, and add other contents of an invoice to ``faults``.

    ``places`` are the names of the sources, by their number.
    """
    db.execute(
        f"""
        CREATE TABLE held AS
        WITH shared AS (
            SELECT transaction_id, customer_id,
                   coalesce(min(export) FILTER (NOT not_sale), min(export)) AS first
            FROM rows
            WHERE left_out IS DISTINCT FROM 'rejected'
            GROUP BY transaction_id, customer_id HAVING min(export) < max(export)
        )
        SELECT export, transaction_id, rows.customer_id, first, count(*) AS lines,
               sum(hash({_LINE})::HUGEINT) AS content, min(source) AS source, min(row) AS row,
               bool_and(rows.left_out IS NOT NULL) AS is_left_out, bool_and(not_sale) AS no_sale
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
               later.no_sale AND NOT earlier.no_sale AS is_withdrawn,
               later.lines = earlier.lines AND later.content = earlier.content AND later.no_sale = earlier.no_sale
                   AS is_equal
        FROM held AS later JOIN held AS earlier
            ON earlier.export = later.first AND earlier.transaction_id = later.transaction_id
            AND earlier.customer_id IS NOT DISTINCT FROM later.customer_id
        WHERE later.export > later.first OR later.export < later.first AND NOT later.no_sale
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
            || CASE WHEN is_withdrawn THEN ' is no sale here, such as a cancelled order, but a sale in '
                ELSE ' has other lines here than in ' END || $places[first_source + 1] || ' from row ' || first_row
            || ' on'
        FROM repeats
        WHERE NOT is_equal AND (NOT is_left_out OR is_withdrawn AND customer_id IS NOT NULL)
        """,
        {"places": list(places)},
    )
    db.execute("DROP TABLE repeats")
