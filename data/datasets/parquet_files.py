"""Reads a Parquet file into DuckDB, every cell as text."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet

from data.datasets import query, tables
from data.datasets.cells import DataError
from data.datasets.csv_files import exact
from data.datasets.engine import plain_errors
from data.datasets.headers import MAX_SHOWN, headers_of
from data.datasets.tables import BadLine, Columns, RawTable, literal, quoted

_NESTED = ("STRUCT", "MAP", "UNION")


def read_parquet(
    db: duckdb.DuckDBPyConnection, path: Path, name: str, table: str, columns: Columns | None = None
) -> tuple[RawTable, list[BadLine]]:
    """The rows of a Parquet file as the view ``table``; see :func:`data.datasets.raw.read_raw`."""
    headers = headers_of(_names(path, name))
    kept = tables.needed(headers, columns)
    origin = f"read_parquet({literal(exact(path))}, hive_partitioning = false)"
    with plain_errors(name):
        described = db.execute(f"DESCRIBE SELECT * FROM {origin}").fetchall()
    if not headers or len(described) != len(headers):
        raise DataError(f"{name}: the Parquet file has no columns that can be read")
    cells = [f"{_text(name, headers[n], described[n][0], described[n][1])} AS c{n}" for n in kept]
    stored = ", ".join(cells) or "NULL::VARCHAR AS nothing"
    with plain_errors(name):
        count = query.count(db, f"CREATE OR REPLACE TABLE {tables.cells_table(table)} AS SELECT {stored} FROM {origin}")
    tables.publish(db, table, name, headers, kept)
    return RawTable(name, table, headers, count), []


def _names(path: Path, name: str) -> list[str]:
    """The names of the columns as the file spells them; DuckDB renames those that differ in case only."""
    try:
        return list(pyarrow.parquet.read_schema(path).names)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{name}: it is not a readable Parquet file: {reason[:MAX_SHOWN]}") from None


def _text(name: str, header: str, column: str, kind: str) -> str:
    """An SQL expression: a value of a column as text, NULL if there is none."""
    value = quoted(column)
    if kind == "BLOB" or kind.endswith("]") or kind.startswith(_NESTED):
        what = "bytes" if kind == "BLOB" else "lists or records"
        raise DataError(f"{name}: column {header!r} holds {what}, not values; write it as text or numbers")
    if kind in ("DOUBLE", "FLOAT"):
        # Text, since DuckDB decides isnan() and comparisons by the statistics of the file, which leave NaN out.
        text = f"CAST({value} AS VARCHAR)"
        whole = f"regexp_replace({text}, '[.]0$', '')"
        return f"CASE WHEN {text} LIKE '%nan' THEN NULL ELSE {_four_decimals(whole)} END"
    if kind.startswith("DECIMAL"):
        return _four_decimals(f"CAST({value} AS VARCHAR)")
    return f"nullif(CAST({value} AS VARCHAR), '')"


def _four_decimals(text: str) -> str:
    """A number with three decimals gets a fourth: the text 1.234 alone can also be a thousand."""
    return f"regexp_replace({text}, '([.][0-9]{{3}})$', '\\10')"
