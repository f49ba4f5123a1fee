"""Encodes the transactions of a dataset as values of the transactions topic."""

from collections.abc import Iterator
from functools import lru_cache

import pandas as pd
import pyarrow as pa

from data.contract import wire
from models.units import from_micros, from_money_units

CURRENCY = "GBP"


def wire_transactions(chunk: pd.DataFrame, lines: pd.DataFrame) -> Iterator[wire.Transaction]:
    """Consecutive rows of a dataset's transactions, at least one, as values of the transactions topic.

    ``lines`` are all lines of the dataset; both frames are as in :class:`data.datasets.dataset.Dataset`.
    """
    begins = chunk["first_line"] - chunk["first_line"].iloc[0]
    ends = begins + chunk["line_count"]
    wire_lines = _wire_lines(lines.iloc[chunk["first_line"].iloc[0] :][: ends.iloc[-1]])
    columns = zip(
        chunk["transaction_id"].tolist(),
        chunk["customer_id"].tolist(),
        map(from_micros, chunk["occurred_at"].astype("int64").to_numpy().tolist()),
        chunk["kind"].tolist(),
        map(_money, chunk["amount_units"].tolist()),
        chunk["country"].tolist(),
        begins.tolist(),
        ends.tolist(),
        strict=True,
    )
    for transaction_id, customer_id, occurred_at, kind, amount, country, begin, end in columns:
        yield wire.Transaction(
            transaction_id, customer_id, occurred_at, kind, amount, CURRENCY, country, wire_lines[begin:end]
        )


def _wire_lines(lines: pd.DataFrame) -> list[wire.Line]:
    return list(
        map(
            wire.Line,
            lines["stock_code"].tolist(),
            pa.Array.from_pandas(lines["description"]).to_pylist(),
            lines["quantity"].tolist(),
            map(_money, lines["price_units"].tolist()),
        )
    )


@lru_cache(maxsize=65_536)
def _money(units: int) -> str:
    """An amount as plain decimal text; cached, because a shop has few distinct prices."""
    return f"{from_money_units(units):f}"
