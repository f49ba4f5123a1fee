"""Reads one source into DuckDB, every cell as text, whatever its format is."""

from collections.abc import Sequence

import duckdb

from data.datasets import csv_files, excel_files, parquet_files
from data.datasets.cells import DataError
from data.datasets.sources import TableSource
from data.datasets.tables import FIND_OUT, BadLine, Columns, RawOptions, RawTable

__all__ = ["BadLine", "RawOptions", "RawTable", "line_of", "lines_of", "read_raw"]


def read_raw(
    db: duckdb.DuckDBPyConnection,
    source: TableSource,
    table: str,
    options: RawOptions = FIND_OUT,
    columns: Columns | None = None,
) -> tuple[RawTable, list[BadLine]]:
    """Read a source into a view of text.

    Parameters
    ----------
    db
        The connection of an :class:`data.datasets.engine.Engine`.
    source
        What to read.
    table
        The name of the view.
    options
        How the file is laid out, where it is not to be found out.
    columns
        Says which of the file's columns are needed; others are not stored. All of them by default.

    Returns
    -------
    RawTable, list of BadLine
        The rows, in the file's order, and the lines that are no rows. Blank lines are passed over. An empty sheet
        of an Excel file has no headers and no rows.

    Raises
    ------
    DataError
        If the file can't be read, or has no header; one line that says what to do.
    """
    if source.kind == "parquet":
        return parquet_files.read_parquet(db, source.path, source.name, table, columns)
    if source.sheet is not None:
        return excel_files.read_sheet(db, source.path, source.name, source.sheet, table, columns)
    return csv_files.read_csv(db, source.path, source.name, table, options, columns)


def lines_of(source: TableSource, rows: Sequence[int], options: RawOptions = FIND_OUT) -> dict[int, tuple[int, str]]:
    """The number of the line as an editor counts, and the raw text (at most 200 characters), of several rows.

    The file is read again, once. ``options`` are those that it was read with. A Parquet file has no lines: there
    the number is the row's, and the text is empty.
    """
    if source.kind == "parquet":
        return {row: (row, "") for row in rows}
    if source.sheet is not None:
        return excel_files.lines_of(source.path, source.name, source.sheet, rows)
    return csv_files.lines_of(source.path, source.name, rows, options)


def line_of(source: TableSource, row: int, options: RawOptions = FIND_OUT) -> tuple[int, str]:
    """As :func:`lines_of`, of one row."""
    found = lines_of(source, [row], options)
    if row not in found:
        raise DataError(f"{source.name}: the file has changed: there is no row {row}")
    return found[row]
