"""The report of a dataset: counts of what was kept and of what was left out."""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from data.datasets.cells import DataError
from data.datasets.query import one
from models.units import from_micros
from runtime.counts import many


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """Counts of the rows of a dataset's files and of the transactions made from them.

    The fields up to ``rejected_rows`` describe the files: a guest's invoice that a second export repeats counts in
    both. ``lines`` and the fields after it describe the transactions. Money is in ten-thousandths.
    """

    rows: int
    exports: int
    guest_rows: int
    guest_invoices: int
    not_sale_rows: int
    overlap_rows: int
    overlap_invoices: int
    rejected_rows: int
    lines: int
    transactions: int
    sales: int
    returns: int
    customers: int
    first: datetime
    last: datetime
    gross_units: int
    returned_units: int


def make_report(
    db: duckdb.DuckDBPyConnection, name: str, rows_read: int, exports: int, bad_lines: int
) -> DatasetReport:
    guest_rows, guest_invoices, not_sales, overlap_rows, overlap_invoices, rejected = one(
        db,
        """
        SELECT count(*) FILTER (customer_id IS NULL), count(DISTINCT transaction_id) FILTER (customer_id IS NULL),
               count(*) FILTER (not_sale), count(*) FILTER (left_out = 'repeated'),
               count(DISTINCT transaction_id) FILTER (left_out = 'repeated'),
               (SELECT count(DISTINCT (source, row)) FROM faults)
        FROM rows
        """,
    )
    rejected += bad_lines
    lines, transactions, returns, customers, first, last, gross, returned = one(
        db,
        """
        SELECT coalesce(sum(line_count), 0)::BIGINT, count(*), count(*) FILTER (is_return),
               count(DISTINCT customer_id), min(occurred_at), max(occurred_at),
               coalesce(sum(abs(total)) FILTER (NOT is_return), 0), coalesce(sum(abs(total)) FILTER (is_return), 0)
        FROM folded
        """,
    )
    if not transactions:
        raise DataError(_nothing_left(name, rows_read, guest_rows, not_sales, rejected))
    return DatasetReport(
        rows_read,
        exports,
        guest_rows,
        guest_invoices,
        not_sales,
        overlap_rows,
        overlap_invoices,
        rejected,
        lines,
        transactions,
        transactions - returns,
        returns,
        customers,
        from_micros(first),
        from_micros(last),
        int(gross),
        int(returned),
    )


def _nothing_left(name: str, rows_read: int, guests: int, not_sales: int, rejected: int) -> str:
    if not rows_read:
        return f"{name}: there is no row below the names of the columns"
    reasons = [
        many(number, singular, plural)
        for number, singular, plural in (
            (guests, "has no customer", "have no customer"),
            (not_sales, "is no sale", "are no sales"),
            (rejected, "is rejected", "are rejected"),
        )
        if number
    ]
    return f"{name}: no transaction of a known customer is left: of {many(rows_read, 'row')}, {', '.join(reasons)}"
