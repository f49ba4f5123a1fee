"""Reads a CSV into DuckDB, every cell as text.

DuckDB reads a file whose every line is a row. Any other file is split in Python first, which finds each line that is
wrong; DuckDB then reads a clean copy of its rows. Both ways give the same table.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb

from data.datasets import csv_lines, csv_text, tables
from data.datasets.cells import DataError
from data.datasets.csv_layout import SAMPLE, Layout, as_bad, layout
from data.datasets.csv_lines import CsvLine
from data.datasets.csv_text import CsvText
from data.datasets.engine import engine_folder, no_space, plain_errors
from data.datasets.tables import FIND_OUT, BadLine, Columns, RawOptions, RawTable, literal

QUOTE = '"'

_MAX_LINE = 2**21
_MAX_SAMPLE = 2**22


class _Plain(NamedTuple):
    """A file whose every line after the first ``skip`` is one of ``rows``."""

    path: Path
    skip: int
    packed: bool
    rows: int


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
    rows = None
    if text.plain and len(form.headers) > 1:
        rows = _by_duckdb(db, _Plain(path, form.header, text.packed, text.lines - form.header), name, table, form, kept)
    if rows is None:
        with _clean_copy(db, _lines(path, name, text, form), name, form) as (copy, bad):
            rows = _by_duckdb(db, copy, name, table, form, kept) if len(form.headers) > 1 else None
    if rows is None:
        bad = []
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


def _look(path: Path, name: str, options: RawOptions) -> tuple[CsvText, Layout]:
    text = csv_text.examine(path, name, options.encoding)
    with csv_text.open_text(path, text) as file:
        sample = _first_lines(file)
    return text, layout(sample, name, options.separator)


def _first_lines(file: Iterable[str]) -> list[str]:
    lines: list[str] = []
    size = 0
    for line in islice(file, SAMPLE):
        lines.append(line)
        size += len(line)
        if size > _MAX_SAMPLE:
            break
    return lines


def _lines(path: Path, name: str, text: CsvText, form: Layout) -> Iterator[CsvLine]:
    with csv_text.open_text(path, text) as file:
        body = islice(file, form.header, None)
        yield from csv_lines.scan(body, form.shape, form.header + 1, text.broken)


def _good(lines: Iterator[CsvLine], place: str, bad: list[BadLine]) -> Iterator[list[str]]:
    """The cells of the rows; the bad lines are appended to ``bad``."""
    for line in lines:
        if line.reason:
            bad.append(BadLine(place, line.number, None, line.reason, as_bad(line)))
        else:
            yield line.cells


@contextmanager
def _clean_copy(
    db: duckdb.DuckDBPyConnection, lines: Iterator[CsvLine], place: str, form: Layout
) -> Iterator[tuple[_Plain, list[BadLine]]]:
    """A temporary copy of the rows without the bad lines, in UTF-8 and with the quotation marks that it needs."""
    bad: list[BadLine] = []
    separator = form.shape.separator
    count = 0
    with TemporaryDirectory(dir=engine_folder(db)) as folder:
        path = Path(folder) / "rows.csv"
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                for line in lines:
                    if line.reason:
                        bad.append(BadLine(place, line.number, None, line.reason, as_bad(line)))
                        continue
                    count += 1
                    row = separator.join(line.cells)
                    if '"' in line.text:
                        row = separator.join(f'"{cell.replace(QUOTE, QUOTE * 2)}"' for cell in line.cells)
                    file.write(f"{row}\n")
        except OSError as error:
            raise DataError(f"{place}: {no_space(error.strerror or str(error))}") from None
        yield _Plain(path, 0, False, count), bad


def _by_duckdb(
    db: duckdb.DuckDBPyConnection, file: _Plain, place: str, table: str, form: Layout, kept: Sequence[int]
) -> int | None:
    """The number of rows, ``None`` if not every line is a row of its own."""
    names = [f"c{number}" for number in range(len(form.headers))]
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    stored = ", ".join(f"nullif(c{number}, '') AS c{number}" for number in kept) or "NULL::VARCHAR AS nothing"
    blank = " AND ".join(f"coalesce({name}, '') = ''" for name in names)
    query = f"""
        CREATE OR REPLACE TABLE {tables.cells_table(table)} AS
        SELECT {stored}
        FROM read_csv({literal(exact(file.path))}, columns = {{{types}}}, auto_detect = false, header = false,
            skip = {file.skip}, delim = {literal(form.shape.separator)}, quote = '"', escape = '"',
            strict_mode = true, null_padding = false, max_line_size = {_MAX_LINE},
            compression = '{"gzip" if file.packed else "none"}')
        WHERE NOT ({blank})
    """
    with plain_errors(place):
        try:
            found = db.execute(query).fetchone()
        except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.BinderException):
            return None
    return file.rows if found == (file.rows,) else None


def exact(path: Path) -> str:
    """A path in which DuckDB finds no pattern."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in str(path))
