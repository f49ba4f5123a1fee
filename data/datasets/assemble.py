"""From parsed rows to transactions, in the temporary database of a dataset."""

from collections.abc import Sequence

import duckdb

from data.datasets import fold, overlap, rejects, rows, stacks
from data.datasets.cells import AmbiguousError
from data.datasets.engine import Engine
from data.datasets.invoice_notes import days_apart, prevailing_customer
from data.datasets.mapping import Mapping
from data.datasets.query import one, rows_of
from data.datasets.rejects import Place
from data.datasets.report import DatasetReport, make_report
from data.datasets.tables import BadLine


def assemble(
    engine: Engine,
    name: str,
    mapping: Mapping,
    *,
    places: Sequence[Place],
    skip: bool = False,
    bad_lines: Sequence[tuple[int, BadLine]] = (),
    has_lines: bool,
    has_amounts: bool,
) -> tuple[DatasetReport, list[str]]:
    """Make ``rows`` and ``transactions`` from the table ``parsed``; returns the report and notes.

    Parameters
    ----------
    places
        The sources of the rows, by their number.
    skip
        Whether to set aside what can't be used, instead of stopping.
    bad_lines
        Lines that are no rows, with the number of their source.
    has_lines, has_amounts
        See :func:`data.datasets.rows.build`.

    Raises
    ------
    DataError
        If a row or an invoice can't be used, or no transaction is left.
    """
    db = engine.db
    handle = rejects.set_aside if skip else rejects.stop
    names = [place.name for place in places]
    notes = stacks.number_exports(db, names)
    rows_read, exports = one(db, "SELECT count(*), count(DISTINCT export) FROM parsed")
    try:
        notes += rows.build(db, mapping, has_lines=has_lines, has_amounts=has_amounts)
    except AmbiguousError as error:
        raise AmbiguousError(f"{name}: {error}", error.hint) from None
    db.execute("DROP TABLE parsed")
    handle(db, places, bad_lines)
    if exports > 1:
        overlap.mark_repeated(db, names)
        handle(db, places, bad_lines)
    fold.fold(db, mapping.returns)
    if rows_of(db, "SELECT 1 FROM faults LIMIT 1"):
        handle(db, places, bad_lines)
        fold.fold(db, mapping.returns, look=False)
    report = make_report(db, name, rows_read + len(bad_lines), exports, len(bad_lines))
    notes += [*_two_customers(db), *days_apart(db), *prevailing_customer(db, report.transactions)]
    fold.number(db)
    return report, notes


def _two_customers(db: duckdb.DuckDBPyConnection) -> list[str]:
    """A note about receipt numbers that two customers have at the same time."""
    found = rows_of(
        db,
        """
        SELECT transaction_id, count(*) OVER () FROM folded
        GROUP BY transaction_id, occurred_at HAVING count(*) > 1 ORDER BY transaction_id LIMIT 1
        """,
    )
    return [
        f"{_invoices_have(invoices, example)} several customers at the same time; each customer has a transaction of "
        "their own."
        for example, invoices in found
    ]


def _invoices_have(number: int, example: str) -> str:
    return f"1 invoice, {example}, has" if number == 1 else f"{number:,} invoices, such as {example}, have"
