"""The file of a backfill's segment changes: one row a change, with the fields of a published change."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from models.segment_model import NO_SEGMENT, SegmentModel
from services.backfill.table_files import AMOUNT, MOMENT, AddRows, table_file
from stream_app.core.columns import NO_RECORD, Cause, SegmentChanges

_MONEY = ("monetary", "gross", "returned")
_SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("sequence", pa.int64()),
        ("from", pa.string()),
        ("from_name", pa.string()),
        ("to", pa.string()),
        ("to_name", pa.string()),
        ("cause", pa.string()),
        ("effective_at", MOMENT),
        ("recency_days", pa.int64()),
        ("frequency", pa.int64()),
        *((name, AMOUNT) for name in _MONEY),
        ("model_version", pa.string()),
        ("transaction_id", pa.string()),
    ]
)
COLUMNS = tuple(_SCHEMA.names)


@dataclass(frozen=True)
class ChangesFile:
    """Where the changes of one part after the other are written to."""

    model: SegmentModel
    _add: AddRows

    def add(self, customer_id: list[str], transaction_id: "pd.Series[str]", changes: SegmentChanges) -> None:
        """Write the changes of some customers, who are numbered by ``customer_id``; orders by ``transaction_id``."""
        self._add(_columns(self.model, customer_id, transaction_id, changes))


@contextmanager
def writing(path: Path, model: SegmentModel) -> Iterator[ChangesFile]:
    """Write a new file, CSV or Parquet as its ending says."""
    with table_file(path, _SCHEMA) as add:
        yield ChangesFile(model, add)


def _columns(
    model: SegmentModel, customer_id: list[str], transaction_id: "pd.Series[str]", changes: SegmentChanges
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
        "effective_at": changes.effective_at.tolist(),
        "recency_days": changes.recency_days,
        "frequency": changes.frequency,
        **{name: getattr(changes, name) for name in _MONEY},
        "model_version": [model.version] * len(changes),
        "transaction_id": [orders[row] for row in changes.record.tolist()],
    }
