"""Writes raw rows in the popular eight-column layout, so that :mod:`data.datasets.load` reads the same rows back.

A file is written aside, in the same folder, and renamed when it is complete: nobody finds half a file.
"""

import gzip
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from data.datasets.cells import DataError
from models.units import MONEY_DECIMALS, from_money_units

# Adds raw rows to a file.
Add = Callable[[pd.DataFrame], None]

_FAST = 3  # of gzip's levels 1 to 9: a third of the time of the usual 9, and files a sixth larger

_SCHEMA = pa.schema(
    {
        "Invoice": pa.large_string(),
        "StockCode": pa.large_string(),
        "Description": pa.large_string(),
        "Quantity": pa.int64(),
        "InvoiceDate": pa.timestamp("us"),
        "Price": pa.decimal128(18, MONEY_DECIMALS),
        "Customer ID": pa.large_string(),
        "Country": pa.large_string(),
    }
)
_PRICE = _SCHEMA.get_field_index("Price")
# A CSV shows a price without zeros at its end.
_CSV_SCHEMA = _SCHEMA.set(_PRICE, pa.field("Price", pa.large_string()))
_PARQUET_SCHEMA = _SCHEMA.append(pa.field("sheet", pa.int64()))


def write(raw: pd.DataFrame | Iterable[pd.DataFrame], path: Path) -> None:
    """Write raw rows, in one frame or several; see :func:`writing`. An existing file is replaced."""
    with writing(path, overwrite=True) as add:
        for frame in [raw] if isinstance(raw, pd.DataFrame) else raw:
            add(frame)


@contextmanager
def writing(path: Path, *, overwrite: bool) -> Iterator[Add]:
    """Write a .csv, .csv.gz or .parquet file; .parquet also stores the number of the export as ``sheet``.

    The block gets a function that adds raw rows. The file appears at the end of the block, unless the block raises.

    Raises
    ------
    DataError
        Before the block begins, if the file has another extension, exists and must not be overwritten, or can't be
        written; at the end, if the disk is full, or if somebody else has written the file.
    """
    writer = _writer(path)
    _refuse(path, overwrite)
    target = Path(os.path.realpath(path))
    part = target.with_name(f".segue-{secrets.token_hex(6)}.part")
    try:
        try:
            with open(part, "xb") as file, writer(file) as add:
                yield add
            _refuse(path, overwrite)
            os.replace(part, target)
        except OSError as error:
            raise DataError(f"can't write {path}: {error.strerror or error}") from None
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def _refuse(path: Path, overwrite: bool) -> None:
    """Raise an error if something is at the path that must not be replaced, or if its folder is missing."""
    if os.path.isdir(path):
        raise DataError(f"can't write {path}: it is a folder")
    if not os.path.isdir(path.parent):
        raise DataError(f"can't write {path}: there is no folder {path.parent}")
    try:
        os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataError(f"can't write {path}: {error.strerror}") from None
    if not overwrite:
        raise DataError(f"can't write {path}: it exists")


@contextmanager
def _parquet(file: IO[bytes]) -> Iterator[Add]:
    with pa.parquet.ParquetWriter(file, _PARQUET_SCHEMA, compression="zstd") as writer:
        yield lambda raw: writer.write_table(_table(raw, _PARQUET_SCHEMA))


@contextmanager
def _csv(file: IO[bytes] | gzip.GzipFile) -> Iterator[Add]:
    with pa.csv.CSVWriter(file, _CSV_SCHEMA) as writer:
        yield lambda raw: writer.write_table(_table(raw, _CSV_SCHEMA))


@contextmanager
def _zipped_csv(file: IO[bytes]) -> Iterator[Add]:
    # Without name and time, equal rows give equal bytes.
    with gzip.GzipFile("", "wb", _FAST, file, mtime=0) as zipped, _csv(zipped) as add:
        yield add


_WRITERS: dict[str, Callable[[IO[bytes]], AbstractContextManager[Add]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".csv.gz": _zipped_csv,
}


def _writer(path: Path) -> Callable[[IO[bytes]], AbstractContextManager[Add]]:
    for ending, writer in _WRITERS.items():
        if path.name.lower().endswith(ending):
            return writer
    raise DataError(f"{path.name}: can't write this kind of file; use {', '.join(_WRITERS)}")


def _table(raw: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Raw rows in the columns of a schema."""
    code, units = raw["price_units"].factorize()
    prices = pa.array([f"{from_money_units(price):f}" for price in map(int, units)], pa.large_string())
    columns = {
        "Invoice": raw["invoice"],
        "StockCode": raw["stock_code"],
        "Description": raw["description"],
        "Quantity": raw["quantity"],
        "InvoiceDate": raw["occurred_at"].dt.tz_localize(None),
        "Price": prices.cast(schema.field("Price").type).take(code),
        "Customer ID": raw["customer"],
        "Country": raw["country"],
        "sheet": raw["export"],
    }
    arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)
