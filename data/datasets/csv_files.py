"""Reads a CSV into DuckDB, every cell as text.

DuckDB reads a file whose every line is a row. A file with bad lines, blank lines, cells of several lines or another
encoding than UTF-8 is split in Python, which is slower but finds each line that is wrong. Both give the same table.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import duckdb

from data.datasets import csv_lines, csv_text, tables
from data.datasets.csv_layout import SAMPLE, Layout, as_bad, layout
from data.datasets.csv_lines import Line
from data.datasets.csv_text import Text
from data.datasets.engine import plain_errors
from data.datasets.tables import FIND_OUT, BadLine, Columns, RawOptions, RawTable, literal

_MAX_LINE = 2**21


def read_csv(
    db: duckdb.DuckDBPyConnection,
    path: Path,
    name: str,
    table: str,
    options: RawOptions = FIND_OUT,
    columns: Columns | None = None,
) -> tuple[RawTable, list[BadLine]]:
    """The rows of a CSV as the view ``table``, and the lines that are none; see :func:`data.datasets.raw.read_raw`."""
    text, form = _look(path, name, options)
    kept = tables.needed(form.headers, columns)
    bad: list[BadLine] = []
    rows = _by_duckdb(db, path, table, text, form, kept) if text.plain and len(form.headers) > 1 else None
    if rows is None:
        rows = tables.fill(db, table, name, kept, _good(_lines(path, name, text, form), name, bad))
    tables.publish(db, table, name, form.headers, kept)
    return RawTable(name, table, form.headers, rows, text.notes), bad


def lines_of(path: Path, name: str, rows: Sequence[int], options: RawOptions) -> dict[int, tuple[int, str]]:
    """The editor's line number and the raw text of rows, by row."""
    text, form = _look(path, name, options)
    wanted = set(rows)
    good = (line for line in _lines(path, name, text, form) if not line.reason)
    return {
        row: (line.number, as_bad(line))
        for row, line in enumerate(islice(good, max(wanted, default=0)), 1)
        if row in wanted
    }


def _look(path: Path, name: str, options: RawOptions) -> tuple[Text, Layout]:
    text = csv_text.examine(path, name, options.encoding)
    with csv_text.open_text(path, text) as file:
        sample = list(islice(file, SAMPLE))
    return text, layout(sample, name, options.separator)


def _lines(path: Path, name: str, text: Text, form: Layout) -> Iterator[Line]:
    with csv_text.open_text(path, text) as file:
        body = islice(file, form.header, None)
        yield from csv_lines.scan(body, form.shape, form.header + 1, text.broken)


def _good(lines: Iterator[Line], place: str, bad: list[BadLine]) -> Iterator[list[str]]:
    """The cells of the rows; the bad lines are appended to ``bad``."""
    for line in lines:
        if line.reason:
            bad.append(BadLine(place, line.number, None, line.reason, as_bad(line)))
        else:
            yield line.cells


def _by_duckdb(
    db: duckdb.DuckDBPyConnection, path: Path, table: str, text: Text, form: Layout, kept: Sequence[int]
) -> int | None:
    """The number of rows, ``None`` if not every line is a row of its own."""
    names = [f"c{number}" for number in range(len(form.headers))]
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    stored = ", ".join(f"nullif(c{number}, '') AS c{number}" for number in kept) or "NULL::VARCHAR AS nothing"
    blank = " AND ".join(f"coalesce({name}, '') = ''" for name in names)
    query = f"""
        CREATE OR REPLACE TABLE {tables.cells_table(table)} AS
        SELECT {stored}
        FROM read_csv({literal(exact(path))}, columns = {{{types}}}, auto_detect = false, header = false,
            skip = {form.header}, delim = {literal(form.shape.separator)}, quote = '"', escape = '"',
            strict_mode = true, null_padding = false, max_line_size = {_MAX_LINE},
            compression = '{"gzip" if text.packed else "none"}')
        WHERE NOT ({blank})
    """
    try:
        db.execute(query)
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.BinderException):
        return None
    except duckdb.Error:
        with plain_errors(str(path.name)):
            raise
    count = db.execute(f"SELECT count(*) FROM {tables.cells_table(table)}").fetchone()
    rows = int(count[0]) if count else 0
    return rows if rows == text.lines - form.header else None


def exact(path: Path) -> str:
    """A path in which DuckDB finds no pattern."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in str(path))
