"""The cells of raw tables by their canonical column, which may be several columns of the file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from unicodedata import category

import duckdb

from data.datasets.query import count, rows_of
from data.datasets.sources import TableSource
from data.datasets.tables import RawTable, quoted

CHUNK = 20_000

# Up to this many rows, one query for all cells takes less time than a query for the distinct ones of each column.
_FEW = 1_000
_PARTS = {"time": ("time", "time_of_day", "time_zone")}


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


class Cells:
    """The distinct cells of the canonical columns of some raw tables.

    Parameters
    ----------
    few
        Up to how many rows all cells are in memory; DuckDB finds the distinct cells of more rows.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, tables: Sequence[Table], few: int = _FEW) -> None:
        self._db = db
        self.tables = tables
        self._made: set[str] = set()
        are_few = sum(table.raw.rows for table in tables) <= few
        self._few = [_read(db, table) for table in tables] if are_few else None

    def distinct(self, column: str) -> Iterator[str]:
        """The distinct cells of a column that are not blank, in any order."""
        if self._few is not None:
            found = dict.fromkeys(cell for cells in self._few for cell in cells.get(column, ()))
            yield from (cell for cell in found if not _is_blank(cell))
            return
        self._make(column)
        cursor = self._db.cursor()
        cursor.execute(f"SELECT cell FROM cells_{column}")
        while chunk := cursor.fetchmany(CHUNK):
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
        for number in range(len(self.tables)):
            for cell in self._first(number, column):
                found[cell] = None
                if len(found) == most:
                    return list(found)
        return list(found)

    def forget(self, column: str) -> None:
        """Drop the table of a column's cells, if there is one."""
        if column in self._made:
            self._made.remove(column)
            self._db.execute(f"DROP TABLE cells_{column}")

    def _first(self, number: int, column: str) -> Sequence[str]:
        """The first cells of a column in a table, blank ones included."""
        if self._few is not None:
            return self._few[number].get(column, ())
        table = self.tables[number]
        sql = f"SELECT {table.cell(column)} AS cell FROM {quoted(table.raw.name)} WHERE cell IS NOT NULL LIMIT 1000"
        return [cell for (cell,) in rows_of(self._db, sql)]

    def _make(self, column: str) -> None:
        if column in self._made:
            return
        self._made.add(column)
        name = f"cells_{column}"
        into = f"CREATE TABLE {name} AS"
        # A query for each table, since a folder of thousands of files is too much for one.
        for table in self.tables:
            source = quoted(table.raw.name)
            self._db.execute(
                f"{into} SELECT DISTINCT {table.cell(column)} AS cell FROM {source} WHERE trim(cell) <> ''"
            )
            into = f"INSERT INTO {name}"
        if len(self.tables) > 1:
            self._db.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT DISTINCT cell FROM {name}")


def _read(db: duckdb.DuckDBPyConnection, table: Table) -> dict[str, list[str]]:
    """The cells of each canonical column, in the order of the rows."""
    of_parts = [whole for whole, parts in _PARTS.items() if any(part in table.names for part in parts)]
    columns = list(dict.fromkeys([*table.names, *of_parts]))
    rows = rows_of(db, f"SELECT {', '.join(map(table.cell, columns))} FROM {quoted(table.raw.name)}")
    return {column: [row[place] for row in rows if row[place] is not None] for place, column in enumerate(columns)}


def _is_blank(cell: str) -> bool:
    """Whether DuckDB's ``trim`` leaves nothing, which takes away blanks of all widths but no tabs."""
    return all(category(character) == "Zs" for character in cell)
