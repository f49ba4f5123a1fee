"""Reads a sheet of an Excel file into DuckDB, every cell as text."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import duckdb
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from data.datasets import tables
from data.datasets.cells import DataError
from data.datasets.headers import MAX_SHOWN, headers_of, require_names
from data.datasets.tables import BadLine, Columns, RawTable

_SECOND = timedelta(seconds=1)
# A day is a float in Excel, so a moment may miss the full second by a little.
_ROUNDING = timedelta(milliseconds=1)
_MAX_WHOLE = 10**15


class _Row(NamedTuple):
    line: int
    cells: list[str]


def visible_sheets(path: Path, name: str, wanted: Sequence[str] = ()) -> list[str]:
    """The sheets of a workbook in its order: those ``wanted``, or every visible one with cells.

    Raises
    ------
    DataError
        If the workbook can't be read, or has no such sheet.
    """
    with _workbook(path, name) as workbook:
        known = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        names = [sheet.name for sheet in known]
        missing = [sheet for sheet in wanted if sheet not in names]
        if missing:
            raise DataError(f"{name}: no sheet {missing[0]!r}; it has {', '.join(map(repr, names))}")
        visible = [sheet.name for sheet in known if sheet.visible == SheetVisibleEnum.Visible]
        chosen = [sheet for sheet in names if sheet in wanted] or visible
        if not chosen:
            raise DataError(f"{name}: every sheet is hidden; name the sheet to read (rows.sheet)")
        return chosen


def read_sheet(
    db: duckdb.DuckDBPyConnection, path: Path, name: str, sheet: str, table: str, columns: Columns | None = None
) -> tuple[RawTable, list[BadLine]]:
    """The rows of a sheet as the view ``table``; see :func:`data.datasets.raw.read_raw`."""
    rows = _rows(path, name, sheet)
    header = next(rows, None)
    if header is None:
        tables.fill(db, table, name, [], [])
        tables.publish(db, table, name, [], [])
        return RawTable(name, table, [], 0), []
    first = list(islice(rows, 20))
    _require_header(name, header, first)
    headers = headers_of(header.cells)
    kept = tables.needed(headers, columns)

    def cells() -> Iterator[list[str]]:
        yield from (row.cells for row in first)
        yield from (row.cells for row in rows)

    count = tables.fill(db, table, name, kept, cells())
    tables.publish(db, table, name, headers, kept)
    return RawTable(name, table, headers, count), []


def lines_of(path: Path, name: str, sheet: str, rows: Sequence[int]) -> dict[int, tuple[int, str]]:
    """The number of the sheet's row and its cells, by the number of the data row."""
    wanted = set(rows)
    stream = islice(_rows(path, name, sheet), 1, max(wanted, default=0) + 1)
    return {
        number: (row.line, ",".join(row.cells)[:MAX_SHOWN]) for number, row in enumerate(stream, 1) if number in wanted
    }


def _rows(path: Path, name: str, sheet: str) -> Iterator[_Row]:
    """The rows of a sheet that hold anything, with their number in the sheet."""
    with _workbook(path, name) as workbook:
        content = workbook.get_sheet_by_name(sheet)
        if content.start is None:
            return
        for line, row in enumerate(content.iter_rows(), 1):
            cells = [_text(cell) for cell in row]
            if any(cell.strip() for cell in cells):
                yield _Row(line, cells)


def _require_header(name: str, header: _Row, rows: Sequence[_Row]) -> None:
    named = sum(bool(cell.strip()) for cell in header.cells)
    widest = max((sum(bool(cell.strip()) for cell in row.cells) for row in rows), default=0)
    if named < 2 < widest:
        title = next(cell for cell in header.cells if cell.strip())
        raise DataError(
            f"{name}: row {header.line} holds only {title[:MAX_SHOWN]!r}; the first row must hold the names of the "
            f"columns, so delete what is above them"
        )
    require_names(name, header.line, header.cells)


def _text(cell: object) -> str:
    """A cell as text: a date as ISO 8601, a whole number without a decimal point, others as Excel shows them."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return _number(cell)
    if isinstance(cell, datetime):
        return _rounded(cell).isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)


def _number(number: float) -> str:
    """A number as Excel shows it, with at most 15 digits, so that it has one reading.

    Of a whole number with more digits Excel has lost some, so its exponent is shown: it is no id. Three decimals get a
    fourth, because 1.234 alone can also be a thousand.

    >>> _number(17850.0), _number(3 * 4.35), _number(1.234), _number(1234567890123450.0)
    ('17850', '13.05', '1.2340', '1.23456789012345e+15')
    """
    if not isfinite(number):
        return ""
    if number.is_integer():
        return f"{number:.0f}" if abs(number) < _MAX_WHOLE else f"{number:.14e}"
    text = f"{Decimal(f'{number:.15g}'):f}"
    return f"{text}0" if text[-4:-3] == "." else text


def _rounded(moment: datetime) -> datetime:
    fraction = timedelta(microseconds=moment.microsecond)
    if fraction <= _ROUNDING:
        return moment - fraction
    return moment + (_SECOND - fraction) if _SECOND - fraction <= _ROUNDING else moment


@contextmanager
def _workbook(path: Path, name: str) -> Iterator[CalamineWorkbook]:
    try:
        with CalamineWorkbook.from_path(path) as workbook:
            yield workbook
    except PasswordError:
        raise DataError(f"{name}: the workbook has a password; save it without one") from None
    except OSError as error:
        raise DataError(f"{name}: can't read it: {error.strerror or error}") from None
    except (CalamineError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{name}: it is not a readable Excel file: {reason[:MAX_SHOWN]}") from None
