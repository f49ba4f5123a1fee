"""The transactions of a retail dataset: clean, in the order of event time, in a temporary database.

A file has one row per line of an invoice, or one row per invoice. A transaction is a whole invoice. What is no
transaction of a known customer is left out and counted.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from types import TracebackType
from typing import Self

import duckdb
import numpy as np
import pandas as pd

from data.contract import wire
from data.datasets import encoding, fold
from data.datasets.column_readings import ColumnReading
from data.datasets.engine import Engine
from data.datasets.mapping import Mapping
from data.datasets.rejects import Place
from data.datasets.report import DatasetReport as DatasetReport
from models.units import Ints


class Dataset:
    """Clean transactions, in the order of event time, transaction id and customer id.

    They are in the tables ``rows``, ``transactions`` and ``lines`` of a temporary database, which vanishes when the
    dataset is closed or the process ends. ``lines`` is made when it is first needed.

    Parameters
    ----------
    name
        The name of the source, for messages.
    mapping
        How the files were read, with everything that was found out.
    currency
        The currency of all amounts.
    notes
        What a person should know about how the files were read, one sentence each.
    columns
        How each column was read.
    places
        The sources of the rows, by their number.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        report: DatasetReport,
        mapping: Mapping,
        currency: str,
        notes: Sequence[str] = (),
        columns: Sequence[ColumnReading] = (),
        places: Sequence[Place] = (),
    ) -> None:
        self.name = name
        self.report = report
        self.mapping = mapping
        self.currency = currency
        self.notes = tuple(notes)
        self.columns = tuple(columns)
        self.places = tuple(places)
        self._engine = engine
        self._has_lines = False

    @property
    def db(self) -> duckdb.DuckDBPyConnection:
        """The database; ask through a cursor of it while something else reads."""
        return self._engine.db

    def close(self) -> None:
        """Remove the database; the report and what was read before stay."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """The number of transactions."""
        return self.report.transactions

    @cached_property
    def moments(self) -> Ints:
        """Event time of every transaction in microseconds, ascending."""
        found = self.db.cursor().execute("SELECT occurred_at FROM transactions ORDER BY number").fetchnumpy()
        return np.asarray(found["occurred_at"], dtype=np.int64)

    @cached_property
    def transactions(self) -> pd.DataFrame:
        """One row per transaction.

        ``transaction_id, customer_id, occurred_at`` (UTC), ``kind`` (``sale`` or ``return``), ``amount_units``
        (ten-thousandths, never negative), ``country, line_count``.
        """
        table = (
            self.db.cursor()
            .sql(
                "SELECT transaction_id, customer_id, make_timestamptz(occurred_at) AS occurred_at, kind, amount_units, "
                "country, line_count FROM transactions ORDER BY number"
            )
            .to_arrow_table()
        )
        frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
        frame["occurred_at"] = frame["occurred_at"].dt.tz_convert("UTC").dt.as_unit("us")
        return frame

    def wire_transactions(self, start: int = 0, stop: int | None = None) -> Iterator[wire.Transaction]:
        """Transactions number ``start`` up to ``stop`` as values of the transactions topic, read as they are needed."""
        if not self._has_lines:
            fold.order_lines(self.db)
            self._has_lines = True
        yield from encoding.wire_transactions(self.db, range(len(self))[start:stop], self.currency)
