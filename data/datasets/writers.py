"""Writes raw rows in the popular eight-column layout, so that :mod:`data.datasets.readers` reads the same rows back."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from data.datasets.cells import DataError
from models.units import MONEY_DECIMALS, from_money_units


def write(raw: pd.DataFrame, path: Path) -> None:
    """Write raw rows to a .csv file, or to a .parquet file, which also stores the number of the export as ``sheet``.

    Raises
    ------
    DataError
        If the file has another extension or can't be written.
    """
    try:
        writer = _WRITERS[path.suffix.lower()]
    except KeyError:
        raise DataError(f"{path.name}: can't write this kind of file; use {' or '.join(_WRITERS)}") from None
    try:
        writer(raw, path)
    except OSError as error:
        raise DataError(f"can't write {path}: {error.strerror or error}") from None


def _parquet(raw: pd.DataFrame, path: Path) -> None:
    table = _table(raw)
    price = table["Price"].cast(pa.decimal128(18, MONEY_DECIMALS))
    table = table.set_column(table.column_names.index("Price"), "Price", price)
    pa.parquet.write_table(table.append_column("sheet", pa.array(raw["export"])), path, compression="zstd")


def _csv(raw: pd.DataFrame, path: Path) -> None:
    pa.csv.write_csv(_table(raw), path)


_WRITERS = {".parquet": _parquet, ".csv": _csv}


def _table(raw: pd.DataFrame) -> pa.Table:
    """The eight columns, with prices as text, as a CSV needs them."""
    money = {units: f"{from_money_units(units):f}" for units in raw["price_units"].unique().tolist()}
    columns = {
        "Invoice": raw["invoice"],
        "StockCode": raw["stock_code"],
        "Description": raw["description"],
        "Quantity": raw["quantity"],
        "InvoiceDate": raw["occurred_at"].dt.tz_localize(None),
        "Price": raw["price_units"].map(money),
        "Customer ID": raw["customer"],
        "Country": raw["country"],
    }
    return pa.table({name: pa.Array.from_pandas(column) for name, column in columns.items()})
