"""The file of a backfill's risk changes: one row a change, with the fields of a published risk change."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from models.decay import NEVER
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.risk import NO_STATE, RISK_STATES
from models.units import Ints
from services.backfill.table_files import MOMENT, AddRows, table_file
from stream_app.core.columns import LONG_AGO, NO_RECORD
from stream_app.core.risk_columns import RiskCause, RiskChanges

_SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("sequence", pa.int64()),
        ("from", pa.string()),
        ("to", pa.string()),
        ("cause", pa.string()),
        ("effective_at", MOMENT),
        ("frequency", pa.int64()),
        ("last_purchase_at", MOMENT),
        ("next_state", pa.string()),
        ("next_at", MOMENT),
        ("rhythm_version", pa.string()),
        ("transaction_id", pa.string()),
    ]
)
COLUMNS = tuple(_SCHEMA.names)


@dataclass(frozen=True)
class RiskFile:
    """Where the risk changes of one part after the other are written to."""

    rhythm: RhythmModel
    _add: AddRows

    def add(self, customer_id: list[str], transaction_id: "pd.Series[str]", changes: RiskChanges) -> None:
        """Write the changes of some customers, who are numbered by ``customer_id``; orders by ``transaction_id``."""
        self._add(_columns(self.rhythm, customer_id, transaction_id, changes))


@contextmanager
def writing_risk(path: Path, rhythm: RhythmModel) -> Iterator[RiskFile]:
    """Write a new file, CSV or Parquet as its ending says."""
    with table_file(path, _SCHEMA) as add:
        yield RiskFile(rhythm, add)


def _columns(
    rhythm: RhythmModel, customer_id: list[str], transaction_id: "pd.Series[str]", changes: RiskChanges
) -> dict[str, Any]:
    """The columns by name; moments in microseconds."""
    causes = [cause.word for cause in RiskCause]
    # The last entry stands for none, as -1 does.
    assert NO_STATE == NO_RECORD == -1  # noqa: S101
    states, orders = [*RISK_STATES, None], [*transaction_id.tolist(), None]
    return {
        "customer_id": [customer_id[row] for row in changes.customer.tolist()],
        "sequence": changes.sequence,
        "from": [states[number] for number in changes.from_state.tolist()],
        "to": [states[number] for number in changes.to_state.tolist()],
        "cause": [causes[number] for number in changes.cause.tolist()],
        "effective_at": changes.effective_at.tolist(),
        "frequency": changes.frequency,
        "last_purchase_at": _or_none(changes.last_purchase_at, LONG_AGO),
        "next_state": [states[number] for number in changes.next_state.tolist()],
        "next_at": _or_none(changes.next_at, NEVER),
        "rhythm_version": [rhythm.version] * len(changes),
        "transaction_id": [orders[row] for row in changes.record.tolist()],
    }


def _or_none(moments: Ints, missing: int) -> list[int | None]:
    return [None if moment == missing else moment for moment in moments.tolist()]
