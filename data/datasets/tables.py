"""Tables of raw text in DuckDB: one row per row of a file, one VARCHAR column per column that is needed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from data.datasets.engine import plain_errors
from data.datasets.headers import ROW

# Larger batches are slower: Python's garbage collector looks at every row that is held.
_BATCH = 2_000

Columns = Callable[[list[str]], Sequence[str]]


class RawOptions(NamedTuple):
    """How a file is laid out, where a person has said so; ``None`` means: find out.

    ``sheets`` are for :func:`data.datasets.sources.sources`; empty means: every visible one.
    """

    separator: str | None = None
    encoding: str | None = None
    sheets: tuple[str, ...] = ()


FIND_OUT = RawOptions()


class RawTable(NamedTuple):
    """A table in DuckDB with the text of a file.

    Its columns are ``segue_row`` (BIGINT, from 1 in the file's order, blank rows and bad lines not counted) and the
    needed ones of ``headers`` (VARCHAR, NULL where a cell is empty). A header that occurs again gets a number.
    ``notes`` are sentences for the output.
    """

    place: str
    name: str
    headers: list[str]
    rows: int
    notes: tuple[str, ...] = ()


class BadLine(NamedTuple):
    """A line that can't be split into cells: its number as an editor counts, and its text, cut if it is long."""

    place: str
    line: int
    column: str | None
    reason: str
    text: str


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def cells_table(table: str) -> str:
    """The identifier of the table behind a raw table: its columns are ``c0``, ``c1`` and so on."""
    return quoted(f"{table}_cells")


def needed(headers: list[str], columns: Columns | None) -> list[int]:
    """The numbers of the columns to keep, ascending."""
    if columns is None:
        return list(range(len(headers)))
    wanted = set(columns(headers))
    return [number for number, header in enumerate(headers) if header in wanted]


def fill(
    db: duckdb.DuckDBPyConnection, table: str, place: str, kept: Sequence[int], rows: Iterable[Sequence[str | None]]
) -> int:
    """Store the columns ``kept`` of ``rows`` in the cells table of a raw table; the number of rows."""
    names = [f"c{number}" for number in kept]
    empty = [f"{name} VARCHAR" for name in names] or ["nothing VARCHAR"]
    number = 0
    # DuckDB's errors only: those of the rows are the caller's.
    with plain_errors(place):
        db.execute(f"CREATE OR REPLACE TABLE {cells_table(table)} ({', '.join(empty)})")
        db.execute("BEGIN")
    try:
        for batch in _batches(rows):
            number += len(batch)
            columns = list(zip(*batch, strict=True))
            arrays = [pa.array([cell or None for cell in columns[number]], pa.string()) for number in kept]
            arrow = pa.table(arrays or [pa.nulls(len(batch), pa.string())], names=names or ["nothing"])
            with plain_errors(place):
                db.register("segue_batch", arrow)
                db.execute(f"INSERT INTO {cells_table(table)} SELECT * FROM segue_batch")
                db.unregister("segue_batch")
        with plain_errors(place):
            db.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):
            db.execute("ROLLBACK")
        raise
    return number


def _batches(rows: Iterable[Sequence[str | None]]) -> Iterator[list[Any]]:
    stream = iter(rows)
    while batch := list(islice(stream, _BATCH)):
        yield batch


def publish(db: duckdb.DuckDBPyConnection, table: str, place: str, headers: list[str], kept: Sequence[int]) -> None:
    """Make the view ``table`` that shows the cells table with the row's number and the file's names."""
    # Rows are stored in the file's order, so DuckDB's own number of a row is the file's.
    named = [f"rowid + 1 AS {ROW}", *(f"c{number} AS {quoted(headers[number])}" for number in kept)]
    with plain_errors(place):
        db.execute(f"CREATE OR REPLACE VIEW {quoted(table)} AS SELECT {', '.join(named)} FROM {cells_table(table)}")
