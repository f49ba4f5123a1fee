"""The file of a backfill: one row a change, with the fields of a published change."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from models.segment_model import NO_SEGMENT, SegmentModel
from models.units import MONEY_DECIMALS, Ints, from_micros, money_text
from stream_app.core.columns import NO_RECORD, Cause, Changes

SUFFIXES = (".csv", ".parquet")
_MONEY = ("monetary", "gross", "returned")
_DIGITS = 24
_amount = pa.decimal128(_DIGITS, MONEY_DECIMALS)
_SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("sequence", pa.int64()),
        ("from", pa.string()),
        ("from_name", pa.string()),
        ("to", pa.string()),
        ("to_name", pa.string()),
        ("cause", pa.string()),
        ("effective_at", pa.timestamp("us", "UTC")),
        ("recency_days", pa.int64()),
        ("frequency", pa.int64()),
        *((name, _amount) for name in _MONEY),
        ("model_version", pa.string()),
        ("transaction_id", pa.string()),
    ]
)
COLUMNS = tuple(_SCHEMA.names)


class ChangesFile(Protocol):
    """Where the changes of one part after the other are written to."""

    def add(self, customer_id: list[str], transaction_id: "pd.Series[str]", changes: Changes) -> None:
        """Write the changes of some customers, who are numbered by ``customer_id``; orders by ``transaction_id``."""


@contextmanager
def writing(path: Path, model: SegmentModel) -> Iterator[ChangesFile]:
    """Write a new file, CSV or Parquet as its ending says. A file without any change has its columns.

    Amounts in CSV are exact texts, and moments are in ISO 8601 (UTC); in Parquet they are decimals and timestamps.
    """
    if path.suffix.lower() == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(COLUMNS) + "\n")
            yield _Csv(file, model)
    else:
        with parquet.ParquetWriter(path, _SCHEMA) as writer:
            yield _Parquet(writer, model)


class _Csv:
    def __init__(self, file: Any, model: SegmentModel) -> None:
        self._file, self._model = file, model

    def add(self, customer_id: list[str], transaction_id: "pd.Series[str]", changes: Changes) -> None:
        columns = _columns(self._model, customer_id, transaction_id, changes)
        columns |= {name: [money_text(units) for units in columns[name].tolist()] for name in _MONEY}
        columns["effective_at"] = [from_micros(micros).isoformat() for micros in columns["effective_at"].tolist()]
        pd.DataFrame(columns).to_csv(self._file, index=False, header=False)


class _Parquet:
    def __init__(self, writer: Any, model: SegmentModel) -> None:
        self._writer, self._model = writer, model

    def add(self, customer_id: list[str], transaction_id: "pd.Series[str]", changes: Changes) -> None:
        columns = _columns(self._model, customer_id, transaction_id, changes)
        columns |= {name: _decimals(columns[name]) for name in _MONEY}
        arrays = [
            column if isinstance(column := columns[field.name], pa.Array) else pa.array(column, field.type)
            for field in _SCHEMA
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA))


def _columns(
    model: SegmentModel, customer_id: list[str], transaction_id: "pd.Series[str]", changes: Changes
) -> dict[str, Any]:
    """The columns by name; moments in microseconds and money in ten-thousandths."""
    ids = [*(segment.id for segment in model.segments), None]
    names = [*(segment.name for segment in model.segments), None]
    causes = [cause.word for cause in Cause]
    # The last entry stands for none, as -1 does.
    assert NO_SEGMENT == NO_RECORD == -1  # noqa: S101
    orders = [*transaction_id.tolist(), None]
    before, after = changes.from_segment.tolist(), changes.to_segment.tolist()
    return {
        "customer_id": [customer_id[row] for row in changes.customer.tolist()],
        "sequence": changes.sequence,
        "from": [ids[number] for number in before],
        "from_name": [names[number] for number in before],
        "to": [ids[number] for number in after],
        "to_name": [names[number] for number in after],
        "cause": [causes[number] for number in changes.cause.tolist()],
        "effective_at": changes.effective_at,
        "recency_days": changes.recency_days,
        "frequency": changes.frequency,
        **{name: getattr(changes, name) for name in _MONEY},
        "model_version": [model.version] * len(changes),
        "transaction_id": [orders[row] for row in changes.record.tolist()],
    }


def _decimals(units: Ints) -> Any:
    """Ten-thousandths as exact decimals: the same whole numbers, read with four decimals."""
    whole = pa.array(np.ascontiguousarray(units), pa.int64()).cast(pa.decimal128(_DIGITS, 0))
    return pa.Array.from_buffers(_amount, len(whole), whole.buffers())
