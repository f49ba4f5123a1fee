"""Parses the text cells of raw tables: each distinct cell once, in Python, and the rows in DuckDB.

A column of a million cells has few distinct values. What a cell means is decided by :mod:`data.datasets.conventions`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from data.datasets.query import count, rows_of
from data.datasets.rows import PARSED
from data.datasets.sources import TableSource
from data.datasets.tables import RawTable, cells_table, quoted
from models.units import to_micros

Parser = Callable[[str], Any]

_CHUNK = 20_000

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


class Table(NamedTuple):
    """A raw table that is part of a dataset: its number, where it comes from, and its names of the columns."""

    number: int
    source: TableSource
    raw: RawTable
    names: Mapping[str, str]

    def cell(self, column: str) -> str:
        """The SQL expression of a canonical column's cell; NULL if it is blank or there is no such column."""
        parts = [quoted(self.names[name]) for name in _PARTS.get(column, (column,)) if name in self.names]
        if not parts:
            return "NULL::VARCHAR"
        return f"nullif(trim(concat_ws(' ', {', '.join(parts)})), '')" if len(parts) > 1 else parts[0]


_PARTS = {"time": ("time", "time_of_day", "time_zone")}


class Cells:
    """The distinct cells of the canonical columns of some raw tables."""

    def __init__(self, db: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
        self._db = db
        self.tables = tables
        self._made: set[str] = set()

    def distinct(self, column: str) -> Iterator[str]:
        """The distinct cells of a column that are not blank, in any order."""
        self._make(column)
        cursor = self._db.cursor()
        cursor.execute(f"SELECT cell FROM cells_{column}")
        while chunk := cursor.fetchmany(_CHUNK):
            for (cell,) in chunk:
                yield cell

    def rows(self, column: str, cell: str) -> int:
        """The number of rows that have a cell."""
        of_table = "SELECT count(*) FROM {} WHERE {} = $cell"
        return sum(
            count(self._db, of_table.format(quoted(table.raw.name), table.cell(column)), {"cell": cell})
            for table in self.tables
        )

    def samples(self, column: str, most: int = 3) -> list[str]:
        """The first few distinct cells of a column."""
        found: dict[str, None] = {}
        for table in self.tables:
            sql = f"SELECT {table.cell(column)} AS cell FROM {quoted(table.raw.name)} WHERE cell IS NOT NULL LIMIT 1000"
            for (cell,) in rows_of(self._db, sql):
                found[cell] = None
                if len(found) == most:
                    return list(found)
        return list(found)

    def _make(self, column: str) -> None:
        if column in self._made:
            return
        self._made.add(column)
        name = f"cells_{column}"
        self._db.execute(f"CREATE TABLE {name} (cell VARCHAR)")
        for table in self.tables:
            self._db.execute(
                f"""
                INSERT INTO {name}
                SELECT DISTINCT {table.cell(column)} AS cell FROM {quoted(table.raw.name)} WHERE trim(cell) <> ''
                """
            )
        if len(self.tables) > 1:
            self._db.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT DISTINCT cell FROM {name}")

    def parse(self, column: str, parser: Parser) -> None:
        """Make the table ``values_COLUMN`` with the value of each cell, or the reason why it has none.

        A table of texts has only the cells that differ from their value.
        """
        of_numbers = column in _NUMBERS
        kind = "BIGINT" if of_numbers else "VARCHAR"
        self._db.execute(f"CREATE TABLE values_{column} (cell VARCHAR, value {kind}, reason VARCHAR)")
        batch: list[tuple[str, Any, str | None]] = []
        for cell in self.distinct(column):
            value, reason = parsed(cell, parser)
            if of_numbers or value != cell or reason is not None:
                batch.append((cell, value, reason))
            if len(batch) == _CHUNK:
                self._insert(column, batch, of_numbers)
                batch.clear()
        self._insert(column, batch, of_numbers)
        self._db.execute(f"DROP TABLE cells_{column}")

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
        self._db.execute(f"INSERT INTO values_{column} SELECT * FROM segue_values")
        self._db.unregister("segue_values")


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
    for column in columns:
        cells.parse(column, parsers[column])
    db.execute(PARSED)
    _number_exports(db, tables)
    faults = [column for column in columns if count(db, f"SELECT count(reason) FROM values_{column}")]
    for table in tables:
        _parse_table(db, table, columns, faults)
        db.execute(f"DROP VIEW {quoted(table.raw.name)}")
        db.execute(f"DROP TABLE {cells_table(table.raw.name)}")
    for column in columns:
        db.execute(f"DROP TABLE values_{column}")


def _number_exports(db: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """Make the table ``exports``: the number of each source's exports, in the order of the files and of their rows."""
    db.execute("CREATE TABLE exports (source INTEGER, cell VARCHAR, number INTEGER)")
    number = 0
    for table in tables:
        cell = table.cell("export")
        named = rows_of(
            db, f"SELECT {cell} AS cell, min(segue_row) FROM {quoted(table.raw.name)} GROUP BY 1 ORDER BY 2"
        )
        for text, _ in named:
            db.execute("INSERT INTO exports VALUES (?, ?, ?)", [table.number, text, number])
            number += 1


def _parse_table(db: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[str], faults: Sequence[str]) -> None:
    here = [column for column in columns if column in table.names]
    values = dict.fromkeys(COLUMNS.values(), "NULL")
    for column in here:
        found = f"values_{column}"
        if column in _NUMBERS:
            values[COLUMNS[column]] = f"{found}.value"
        else:
            cell = f"nullif(trim({table.cell(column)}), '')"
            values[COLUMNS[column]] = f"CASE WHEN {found}.cell IS NULL THEN {cell} ELSE {found}.value END"
    for column in _COPIED:
        values[column] = table.cell(column)
    joins = " ".join(f"LEFT JOIN values_{column} ON values_{column}.cell = {table.cell(column)}" for column in here)
    faulty = [column for column in here if column in faults]
    fault = "".join(f" WHEN values_{column}.reason IS NOT NULL THEN '{column}'" for column in faulty)
    reason = ", ".join([*(f"values_{column}.reason" for column in faulty), "NULL"])
    # Without an export column, every row is of the source's only export.
    export = f"exports.cell IS NOT DISTINCT FROM {table.cell('export')}" if "export" in table.names else "true"
    db.execute(
        f"""
        INSERT INTO parsed BY NAME
        SELECT {table.number} AS source, segue_row AS row, exports.number AS export,
               {", ".join(f"{value} AS {name}" for name, value in values.items())},
               {f"CASE {fault} END" if fault else "NULL"} AS fault, coalesce({reason}, NULL) AS reason
        FROM {quoted(table.raw.name)}
        JOIN exports ON exports.source = {table.number} AND {export}
        {joins}
        """
    )
