"""The transactions of a retail dataset: clean, in the order of event time, in a temporary database.

A file has one row per line of an invoice, or one row per invoice. A transaction is a whole invoice. What is no
transaction of a known customer is left out and counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Self

import duckdb
import numpy as np
import pandas as pd

from data.contract import wire
from data.datasets import encoding, fold, invoice_notes, overlap, rejects, rows, stacks
from data.datasets.cells import AmbiguousError, DataError
from data.datasets.column_readings import ColumnReading
from data.datasets.engine import Engine
from data.datasets.mapping import Mapping
from data.datasets.query import one, rows_of
from data.datasets.rejects import Place
from data.datasets.tables import BadLine
from models.units import Ints, from_micros


@dataclass(frozen=True, slots=True)
class Report:
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


class Dataset:
    """Clean transactions, in the order of event time, transaction id and customer id.

    They are in the tables ``rows``, ``transactions`` and ``lines`` of a temporary database, which vanishes when the
    dataset is closed or the process ends. ``lines`` is made when it is first needed.

    Parameters
    ----------
    name
        The name of the source, for messages.
    mapping
        How the files were read, with everything that was found out.
    currency
        The currency of all amounts.
    notes
        What a person should know about how the files were read, one sentence each.
    columns
        How each column was read.
    places
        The sources of the rows, by their number.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        report: Report,
        mapping: Mapping,
        currency: str,
        notes: Sequence[str] = (),
        columns: Sequence[ColumnReading] = (),
        places: Sequence[Place] = (),
    ) -> None:
        self.name = name
        self.report = report
        self.mapping = mapping
        self.currency = currency
        self.notes = tuple(notes)
        self.columns = tuple(columns)
        self.places = tuple(places)
        self._engine = engine
        self._has_lines = False

    @property
    def db(self) -> duckdb.DuckDBPyConnection:
        """The database; ask through a cursor of it while something else reads."""
        return self._engine.db

    def close(self) -> None:
        """Remove the database; the report and what was read before stay."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """The number of transactions."""
        return self.report.transactions

    @cached_property
    def moments(self) -> Ints:
        """Event time of every transaction in microseconds, ascending."""
        found = self.db.cursor().execute("SELECT occurred_at FROM transactions ORDER BY number").fetchnumpy()
        return np.asarray(found["occurred_at"], dtype=np.int64)

    @cached_property
    def transactions(self) -> pd.DataFrame:
        """One row per transaction.

        ``transaction_id, customer_id, occurred_at`` (UTC), ``kind`` (``sale`` or ``return``), ``amount_units``
        (ten-thousandths, never negative), ``country, line_count``.
        """
        table = (
            self.db.cursor()
            .sql(
                "SELECT transaction_id, customer_id, make_timestamptz(occurred_at) AS occurred_at, kind, amount_units, "
                "country, line_count FROM transactions ORDER BY number"
            )
            .to_arrow_table()
        )
        frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
        frame["occurred_at"] = frame["occurred_at"].dt.tz_convert("UTC").dt.as_unit("us")
        return frame

    def wire_transactions(self, start: int = 0, stop: int | None = None) -> Iterator[wire.Transaction]:
        """Transactions number ``start`` up to ``stop`` as values of the transactions topic, read as they are needed."""
        if not self._has_lines:
            fold.order_lines(self.db)
            self._has_lines = True
        yield from encoding.wire_transactions(self.db, range(len(self))[start:stop], self.currency)


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
) -> tuple[Report, list[str]]:
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
    db.execute("CREATE TABLE places (source INTEGER, place VARCHAR)")
    db.executemany("INSERT INTO places VALUES (?, ?)", [[number, place.name] for number, place in enumerate(places)])
    notes = stacks.number_exports(db)
    counted = one(db, "SELECT count(*), count(DISTINCT export) FROM parsed")
    try:
        notes += rows.build(db, mapping, has_lines=has_lines, has_amounts=has_amounts)
    except AmbiguousError as error:
        raise AmbiguousError(f"{name}: {error}") from None
    db.execute("DROP TABLE parsed")
    handle(db, places, bad_lines)
    overlap.mark_repeated(db)
    handle(db, places, bad_lines)
    fold.fold(db, mapping.returns)
    if rows_of(db, "SELECT 1 FROM faults LIMIT 1"):
        handle(db, places, bad_lines)
        fold.fold(db, mapping.returns, look=False)
    notes += [*_two_customers(db), *invoice_notes.days_apart(db)]
    report = _report(db, name, counted[0] + len(bad_lines), counted[1], len(bad_lines))
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


def _report(db: duckdb.DuckDBPyConnection, name: str, rows_read: int, exports: int, bad_lines: int) -> Report:
    guest_rows, guest_invoices, not_sales, overlap_rows, overlap_invoices = one(
        db,
        """
        SELECT count(*) FILTER (customer_id IS NULL), count(DISTINCT transaction_id) FILTER (customer_id IS NULL),
               count(*) FILTER (not_sale), count(*) FILTER (left_out = 'repeated'),
               count(DISTINCT transaction_id) FILTER (left_out = 'repeated')
        FROM rows
        """,
    )
    rejected = one(db, "SELECT count(DISTINCT (source, row)) FROM faults")[0] + bad_lines
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
    return Report(
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
        f"{number:,} {singular if number == 1 else plural}"
        for number, singular, plural in (
            (guests, "has no customer", "have no customer"),
            (not_sales, "is no sale", "are no sales"),
            (rejected, "is rejected", "are rejected"),
        )
        if number
    ]
    return f"{name}: no transaction of a known customer is left: of {rows_read:,} rows, {', '.join(reasons)}"
