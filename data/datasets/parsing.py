"""Parses the text cells of raw tables: each distinct cell once, in Python, and the rows in DuckDB.

A column of a million cells has few distinct values. What a cell means is decided by :mod:`data.datasets.conventions`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from data.datasets.query import count
from data.datasets.raw_cells import CHUNK, Cells, Table
from data.datasets.rows import PARSED
from data.datasets.tables import cells_table, quoted
from models.units import to_micros

Parser = Callable[[str], Any]

# The canonical columns whose cells are parsed: the column of ``parsed``. Times and money are whole numbers.
COLUMNS = {
    "transaction": "transaction_id",
    "customer": "customer_id",
    "time": "occurred_at",
    "quantity": "quantity",
    "price": "price_units",
    "amount": "amount_units",
    "refund": "refund_units",
    "country": "country",
    "kind": "kind",
    "status": "status",
    "cancelled": "cancelled",
    "currency": "currency",
}
_NUMBERS = frozenset(("time", "quantity", "price", "amount", "refund"))
_COPIED = ("stock_code", "description")


class Values:
    """The values of the distinct cells of columns: those of a column are in the table ``values_COLUMN``.

    A table of texts has only the cells that differ from their value. A table without any cell is not made.

    Parameters
    ----------
    stored
        The columns that have a table.
    faulty
        The columns that have cells without a value.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection) -> None:
        self._db = db
        self.stored: set[str] = set()
        self.faulty: set[str] = set()

    def parse(self, cells: Cells, column: str, parser: Parser) -> None:
        """Store the value of each cell of a column, or the reason why it has none."""
        of_numbers = column in _NUMBERS
        batch: list[tuple[str, Any, str | None]] = []
        for cell in cells.distinct(column):
            value, reason = parsed(cell, parser)
            if reason is not None:
                self.faulty.add(column)
            if of_numbers or value != cell or reason is not None:
                batch.append((cell, value, reason))
            if len(batch) == CHUNK:
                self._insert(column, batch, of_numbers)
                batch.clear()
        self._insert(column, batch, of_numbers)
        cells.forget(column)

    def _insert(self, column: str, batch: Sequence[tuple[str, Any, str | None]], of_numbers: bool) -> None:
        if not batch:
            return
        cells, values, reasons = zip(*batch, strict=True)
        kinds = (pa.string(), pa.int64() if of_numbers else pa.string(), pa.string())
        table = pa.table(
            [pa.array(column, kind) for column, kind in zip((cells, values, reasons), kinds, strict=True)],
            names=["cell", "value", "reason"],
        )
        self._db.register("segue_values", table)
        into = f"INSERT INTO values_{column}" if column in self.stored else f"CREATE TABLE values_{column} AS"
        self._db.execute(f"{into} SELECT * FROM segue_values")
        self._db.unregister("segue_values")
        self.stored.add(column)

    def drop(self) -> None:
        """Drop the tables."""
        for column in self.stored:
            self._db.execute(f"DROP TABLE values_{column}")


def parsed(cell: str, parser: Parser) -> tuple[Any, str | None]:
    """The value of a cell, times in microseconds, or the reason why it has none."""
    try:
        value = parser(cell)
    except ValueError as error:
        return None, str(error)
    return (to_micros(value) if isinstance(value, datetime) else value), None


def parse_rows(db: duckdb.DuckDBPyConnection, cells: Cells, parsers: Mapping[str, Parser]) -> None:
    """Make the table ``parsed``, whose columns :data:`data.datasets.rows.PARSED` has, and drop the raw tables."""
    tables = cells.tables
    columns = [column for column in COLUMNS if column in parsers and any(column in table.names for table in tables)]
    values = Values(db)
    for column in columns:
        values.parse(cells, column, parsers[column])
    db.execute(PARSED)
    exports = 0
    for table in tables:
        found = _number_exports(db, table, exports)
        _parse_table(db, table, [column for column in columns if column in table.names], values, exports)
        exports += found
        db.execute(f"DROP VIEW {quoted(table.raw.name)}")
        db.execute(f"DROP TABLE {cells_table(table.raw.name)}")
    values.drop()


def _number_exports(db: duckdb.DuckDBPyConnection, table: Table, first: int) -> int:
    """Make the table ``exports`` if a column names them, numbered from ``first`` in the order of rows; their number."""
    if "export" not in table.names:
        return 1 if table.raw.rows else 0
    return count(
        db,
        f"""
        CREATE OR REPLACE TABLE exports AS
        SELECT cell, {first} + row_number() OVER (ORDER BY begin) - 1 AS number FROM (
            SELECT {table.cell("export")} AS cell, min(segue_row) AS begin FROM {quoted(table.raw.name)} GROUP BY 1
        )
        """,
    )


def _parse_table(
    db: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[str], values: Values, export: int
) -> None:
    """Add the rows of a table to ``parsed``. ``export`` is their number unless a column names it."""
    selected = dict.fromkeys(COLUMNS.values(), "NULL")
    for column in columns:
        found = f"values_{column}"
        value = f"{found}.value" if column in values.stored else "NULL"
        if column not in _NUMBERS:
            cell = f"nullif(trim({table.cell(column)}), '')"
            value = f"CASE WHEN {found}.cell IS NULL THEN {cell} ELSE {value} END" if column in values.stored else cell
        selected[COLUMNS[column]] = value
    for column in _COPIED:
        selected[column] = table.cell(column)
    joins = [
        f"LEFT JOIN values_{column} ON values_{column}.cell = {table.cell(column)}"
        for column in columns
        if column in values.stored
    ]
    number = str(export)
    if "export" in table.names:
        number = "exports.number"
        joins.append(f"JOIN exports ON exports.cell IS NOT DISTINCT FROM {table.cell('export')}")
    faulty = [column for column in columns if column in values.faulty]
    fault = "".join(f" WHEN values_{column}.reason IS NOT NULL THEN '{column}'" for column in faulty)
    reason = ", ".join([*(f"values_{column}.reason" for column in faulty), "NULL"])
    db.execute(
        f"""
        INSERT INTO parsed BY NAME
        SELECT {table.number} AS source, segue_row AS row, {number} AS export,
               {", ".join(f"{value} AS {name}" for name, value in selected.items())},
               {f"CASE {fault} END" if fault else "NULL"} AS fault, coalesce({reason}, NULL) AS reason
        FROM {quoted(table.raw.name)} {" ".join(joins)}
        """
    )
