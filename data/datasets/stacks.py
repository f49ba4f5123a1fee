"""Finds the exports that one file holds one after the other, when no column names them.

A second export shows itself by a contiguous stretch of rows that repeats whole invoices of the rows before it, in the
same order. A jump back in time alone means nothing: a file may be sorted by product or by customer.
"""

from collections.abc import Sequence
from typing import NamedTuple

import duckdb

from data.datasets.query import one, rows_of

MOST_EXPORTS = 24
_FEWEST_INVOICES = 2

_LINE = "occurred_at, stock_code, description, quantity, price_units, amount_units"


class Stretch(NamedTuple):
    """Rows ``first`` to ``last`` of a file, which equal the rows ``distance`` before them."""

    first: int
    last: int
    distance: int


def number_exports(db: duckdb.DuckDBPyConnection, places: Sequence[str]) -> list[str]:
    """Give the rows of a further export in one file their own number in ``parsed.export``; returns notes about it.

    ``places`` are the names of the sources, by their number.
    """
    notes = []
    for source in _candidates(db):
        starts = _starts(db, source)
        for start in reversed(starts):
            db.execute(
                "UPDATE parsed SET export = export + 1 WHERE source > $source OR source = $source AND row >= $start",
                {"source": source, "start": start},
            )
        place = places[source]
        notes += [
            f"Another export begins at row {start:,} of {place}: the file repeats earlier invoices from there on."
            for start in starts
        ]
        db.execute("DROP TABLE repeated_lines")
    return notes


def _candidates(db: duckdb.DuckDBPyConnection) -> list[int]:
    """The files whose rows are in no order of time, and that no column divides into exports."""
    rows = rows_of(
        db,
        """
        SELECT source FROM (
            SELECT source, export, occurred_at, lag(source) OVER () AS before, lag(occurred_at) OVER () AS earlier
            FROM parsed
        )
        GROUP BY source
        HAVING min(export) = max(export)
            AND count(*) FILTER (before = source AND occurred_at < earlier) > 0
            AND count(*) FILTER (before = source AND occurred_at > earlier) > 0
        ORDER BY source
        """,
    )
    return [source for (source,) in rows]


def _starts(db: duckdb.DuckDBPyConnection, source: int) -> list[int]:
    """The first row of the second export of a file, of the third, and so on."""
    db.execute(
        f"""
        CREATE TABLE repeated_lines AS
        SELECT row, transaction_id, content FROM (
            SELECT row, transaction_id, hash(transaction_id, customer_id, {_LINE}) AS content
            FROM parsed
            WHERE source = $source AND transaction_id IN (
                SELECT transaction_id FROM parsed WHERE source = $source
                GROUP BY transaction_id HAVING max(row) - min(row) + 1 > count(*)
            )
        )
        QUALIFY count(*) OVER (PARTITION BY content) > 1
        """,
        {"source": source},
    )
    starts: list[int] = []
    for stretch in _stretches(db):
        copied_from = stretch.first - stretch.distance
        if len(starts) + 1 < MOST_EXPORTS and copied_from >= (starts[-1] if starts else 0) and _is_export(db, stretch):
            starts.append(stretch.first)
    return starts


def _stretches(db: duckdb.DuckDBPyConnection) -> list[Stretch]:
    """The contiguous stretches that repeat earlier rows, in the order of the file."""
    distances = rows_of(
        db,
        """
        SELECT distance FROM (
            SELECT transaction_id, row - lag(row) OVER (PARTITION BY content ORDER BY row) AS distance
            FROM repeated_lines
        )
        WHERE distance IS NOT NULL
        GROUP BY distance HAVING count(DISTINCT transaction_id) >= $fewest
        ORDER BY count(*) DESC, distance LIMIT $most
        """,
        {"fewest": _FEWEST_INVOICES, "most": MOST_EXPORTS},
    )
    found = []
    for (distance,) in distances:
        runs = rows_of(
            db,
            """
            SELECT min(row), max(row) FROM (
                SELECT row, row - row_number() OVER (ORDER BY row) AS run FROM (
                    SELECT later.row FROM repeated_lines AS later JOIN repeated_lines AS earlier
                    ON earlier.row = later.row - $distance AND earlier.content = later.content
                )
            )
            GROUP BY run HAVING count(*) >= $fewest AND count(*) <= $distance
            """,
            {"distance": distance, "fewest": _FEWEST_INVOICES},
        )
        found += [Stretch(first, last, distance) for first, last in runs]
    return sorted(found)


def _is_export(db: duckdb.DuckDBPyConnection, stretch: Stretch) -> bool:
    """Whether most invoices of a stretch are whole in it, and at least two are."""
    whole, all_of_them = one(
        db,
        """
        SELECT count(*) FILTER (here = before), count(*) FROM (
            SELECT sum(content) FILTER (row BETWEEN $first AND $last) AS here,
                   sum(content) FILTER (row BETWEEN $first - $distance AND $first - 1) AS before
            FROM repeated_lines GROUP BY transaction_id
        )
        WHERE here IS NOT NULL
        """,
        {"first": stretch.first, "last": stretch.last, "distance": stretch.distance},
    )
    return bool(whole >= _FEWEST_INVOICES and 2 * whole > all_of_them)
