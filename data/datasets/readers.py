"""Reads one raw file of retail transactions (Parquet, CSV or xlsx) into one exact, canonical table.

A column of a million cells has few distinct values. So each format is first brought to the same shape: the distinct
cells in order of appearance, and the number of the cell in each row. Then plain Python parses each distinct cell once.
No price passes through a float unless the file itself stores a float.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from data.datasets import cells
from data.datasets.cells import DataError
from models.units import MICROS_PER_DAY, Ints

# Known spellings of each canonical column, without spaces and in lower case.
SPELLINGS = {
    "invoice": ("invoice", "invoiceno"),
    "stock_code": ("stockcode",),
    "description": ("description",),
    "quantity": ("quantity",),
    "occurred_at": ("invoicedate",),
    "price_units": ("price", "unitprice"),
    "customer": ("customerid",),
    "country": ("country",),
}
COLUMNS = (*SPELLINGS, "export", "row")

# A file whose dates jump back more often than this is not a stack of exports but is not sorted by time.
MAX_STACKED_EXPORTS = 24


class Cells(NamedTuple):
    """A column: its distinct ``values`` in order of appearance, and for each row the number of its value."""

    codes: Ints
    values: list[object]


class Table(NamedTuple):
    """One unparsed sheet: ``columns`` and the file's spelling of ``headers``, both by canonical name."""

    place: str
    columns: dict[str, Cells]
    headers: dict[str, str]
    sheet: Cells | None = None


def read(path: Path) -> pd.DataFrame:
    """The rows of a .parquet, .csv or .xlsx file, in the file's order.

    Returns
    -------
    DataFrame
        ``invoice, stock_code, description, quantity`` (int64), ``occurred_at`` (UTC; times without zone are taken as
        UTC), ``price_units`` (int64, ten-thousandths), ``customer`` (missing for guests), ``country``, ``export``
        (int, the number of the export within the file) and ``row`` (from 1, without the header; for an xlsx within
        its sheet).

    Raises
    ------
    DataError
        If the file can't be read, or a cell is not valid for its column; the message names the place.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path.name}: can't read this kind of file; use {', '.join(_READERS)}")
    frames: list[pd.DataFrame] = []
    for table in reader(path):
        frame = _canonical(table)
        frame["export"] += 1 + frames[-1]["export"].max() if frames else 0
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _parquet(path: Path) -> Iterator[Table]:
    try:
        names = pyarrow.parquet.read_schema(path).names
        headers = _headers(path.name, names)
        sheet = ["sheet"] if "sheet" in names else []
        content = pyarrow.parquet.read_table(path, columns=[*headers.values(), *sheet])
    except pa.ArrowException as error:
        raise DataError(f"{path.name}: not a readable Parquet file ({_first_line(error)})") from None
    columns = {name: _arrow_cells(content[header]) for name, header in headers.items()}
    yield Table(path.name, columns, headers, _arrow_cells(content["sheet"]) if sheet else None)


def _csv(path: Path) -> Iterator[Table]:
    content = _as_utf8(path.read_bytes())
    header = next(csv.reader(io.StringIO(content[:65_536].decode(errors="ignore"))), [])
    headers = _headers(path.name, header)
    ragged: list[pa.csv.InvalidRow] = []

    def remember(row: pa.csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    try:
        table = pa.csv.read_csv(
            io.BytesIO(content),
            # With several threads, Arrow does not report the number of a ragged row.
            read_options=pa.csv.ReadOptions(use_threads=False),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=remember),
            convert_options=pa.csv.ConvertOptions(
                include_columns=list(headers.values()), column_types=dict.fromkeys(headers.values(), pa.string())
            ),
        )
    except pa.ArrowException as error:
        if ragged:
            row = ragged[0]
            reason = f"row {row.number - 1} has {row.actual_columns} columns, not {row.expected_columns}"
            raise DataError(f"{path.name}: {reason}") from None
        raise DataError(f"{path.name}: not a readable CSV file ({_first_line(error)})") from None
    yield Table(path.name, {name: _arrow_cells(table[header]) for name, header in headers.items()}, headers)


def _xlsx(path: Path) -> Iterator[Table]:
    try:
        with CalamineWorkbook.from_path(path) as workbook:
            for name in workbook.sheet_names:
                sheet = workbook.get_sheet_by_name(name)
                if sheet.height:
                    yield _xlsx_table(f"{path.name}, sheet {name!r}", sheet)
    except (CalamineError, zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path.name}: not a readable xlsx file ({_first_line(error)})") from None


def _xlsx_table(place: str, sheet: CalamineSheet) -> Table:
    header, *rows = sheet.to_python()
    names = [str(name) for name in header]
    headers = _headers(place, names)
    content = np.array(rows, dtype=object).reshape(len(rows), len(names))
    columns = {}
    for name, spelling in headers.items():
        codes, values = pd.factorize(content[:, names.index(spelling)], use_na_sentinel=False)
        columns[name] = Cells(codes.astype(np.int64), list(values))
    # One sheet is one export, in whichever order its rows are.
    return Table(place, columns, headers, Cells(np.zeros(len(rows), dtype=np.int64), [place]))


_READERS: dict[str, Callable[[Path], Iterator[Table]]] = {".parquet": _parquet, ".csv": _csv, ".xlsx": _xlsx}


def _headers(place: str, names: list[str]) -> dict[str, str]:
    """The file's spelling of every canonical column."""
    found = {name.strip().lower().replace(" ", "").replace("_", ""): name for name in reversed(names)}
    headers = {}
    for column, spellings in SPELLINGS.items():
        known = [found[spelling] for spelling in spellings if spelling in found]
        if not known:
            expected = " or ".join(spellings)
            raise DataError(f"{place}: no column {expected}; found {', '.join(names) or 'nothing'}")
        headers[column] = known[0]
    return headers


def _arrow_cells(column: pa.ChunkedArray) -> Cells:
    coded = column.dictionary_encode(null_encoding="encode").combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = pa.concat_arrays(coded.chunks)
    return Cells(coded.indices.to_numpy().astype(np.int64), coded.dictionary.to_pylist())


def _as_utf8(content: bytes) -> bytes:
    """A text in UTF-8, converted from Latin-1 unless it is valid UTF-8 already."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1").encode()
    return content.removeprefix(b"\xef\xbb\xbf")


def _canonical(table: Table) -> pd.DataFrame:
    """Parse every distinct cell of a table once, and build its rows from the results."""
    count = len(table.columns["invoice"].codes)
    numbers = np.arange(1, count + 1)
    frame: dict[str, Any] = {}
    for name, (parse, dtype) in cells.PARSERS.items():
        codes, values = table.columns[name]
        parsed = []
        for code, value in enumerate(values):
            try:
                parsed.append(parse(value))
            except ValueError as error:
                row = numbers[np.argmax(codes == code)]
                raise DataError(f"{table.place}: row {row}, column {table.headers[name]}: {error}") from None
        frame[name] = pd.array(parsed, dtype=dtype).take(codes)
    frame["export"] = _stacked_exports(frame["occurred_at"].asi8) if table.sheet is None else table.sheet.codes
    return pd.DataFrame(frame | {"row": numbers})


def _stacked_exports(micros: Ints) -> Ints:
    """The number of the export of each row: in a file of stacked exports, one begins where the date jumps back."""
    exports = np.cumsum(np.diff(micros, prepend=micros[:1]) < -MICROS_PER_DAY, dtype=np.int64)
    ordered = not len(exports) or exports[-1] < MAX_STACKED_EXPORTS
    return exports if ordered else np.zeros_like(exports)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
