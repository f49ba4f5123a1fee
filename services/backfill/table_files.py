"""Files of a backfill, CSV or Parquet: written part by part, with exact amounts and moments."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from models.units import MONEY_DECIMALS, Ints, from_micros, money_text

SUFFIXES = (".csv", ".parquet")
_DIGITS = 24
#: Types of columns: what is added is ten-thousandths, and microseconds or None.
AMOUNT = pa.decimal128(_DIGITS, MONEY_DECIMALS)
MOMENT = pa.timestamp("us", "UTC")

#: Adds rows: each column by its name.
AddRows = Callable[[Mapping[str, Any]], None]


@contextmanager
def table_file(path: Path, schema: pa.Schema) -> Iterator[AddRows]:
    """Write a new file, CSV or Parquet as its ending says. A file without any row has its columns.

    Amounts in CSV are exact texts, and moments are in ISO 8601 (UTC); in Parquet they are decimals and timestamps.
    """
    if path.suffix.lower() == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(schema.names) + "\n")
            yield lambda columns: _frame(schema, columns).to_csv(file, index=False, header=False)
    else:
        with parquet.ParquetWriter(path, schema) as writer:
            yield lambda columns: writer.write_table(_table(schema, columns))


def _frame(schema: pa.Schema, columns: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({field.name: _texts(field.type, columns[field.name]) for field in schema})


def _texts(kind: pa.DataType, column: Any) -> Any:
    if kind == AMOUNT:
        return [money_text(units) for units in column.tolist()]
    if kind == MOMENT:
        return [None if micros is None else from_micros(micros).isoformat() for micros in column]
    return column


def _table(schema: pa.Schema, columns: Mapping[str, Any]) -> pa.Table:
    arrays = [
        _decimals(columns[field.name]) if field.type == AMOUNT else pa.array(columns[field.name], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _decimals(units: Ints) -> Any:
    """Ten-thousandths as exact decimals: the same whole numbers, read with four decimals."""
    whole = pa.array(np.ascontiguousarray(units), pa.int64()).cast(pa.decimal128(_DIGITS, 0))
    return pa.Array.from_buffers(AMOUNT, len(whole), whole.buffers())
