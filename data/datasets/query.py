"""Short forms of the questions that the modules of this package ask of DuckDB."""

from collections.abc import Mapping
from typing import Any

import duckdb

Parameters = Mapping[str, object] | None


def rows_of(db: duckdb.DuckDBPyConnection, sql: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
    """All rows of a result."""
    return db.execute(sql, parameters or {}).fetchall()


def one(db: duckdb.DuckDBPyConnection, sql: str, parameters: Parameters = None) -> tuple[Any, ...]:
    """The only row of a result."""
    (row,) = rows_of(db, sql, parameters)
    return row


def count(db: duckdb.DuckDBPyConnection, sql: str, parameters: Parameters = None) -> int:
    """The number in the only row of a result."""
    return int(one(db, sql, parameters)[0] or 0)
