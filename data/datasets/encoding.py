"""Encodes the transactions of a dataset as values of the transactions topic."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

import duckdb

from data.contract import wire
from data.datasets.query import rows_of
from models.units import from_micros, from_money_units

_MOST_TRANSACTIONS = 2_000
_MOST_LINES = 40_000


def wire_transactions(db: duckdb.DuckDBPyConnection, numbers: range, currency: str) -> Iterator[wire.Transaction]:
    """Consecutive transactions as values of the transactions topic; a few thousand lines are in memory at a time.

    ``db`` has the tables ``transactions`` and ``lines`` of :class:`data.datasets.dataset.Dataset`.
    """
    cursor = db.cursor()
    begin = numbers.start
    while begin < numbers.stop:
        heads = rows_of(
            cursor,
            """
            SELECT transaction_id, customer_id, occurred_at, kind, amount_units, country, line_count FROM transactions
            WHERE number >= $begin AND number < $end ORDER BY number
            """,
            {"begin": begin, "end": min(begin + _MOST_TRANSACTIONS, numbers.stop)},
        )
        heads = heads[: _fitting(head[-1] for head in heads)]
        lines = _lines(cursor, begin, begin + len(heads))
        for transaction_id, customer_id, occurred_at, kind, amount, country, line_count in heads:
            yield wire.Transaction(
                transaction_id,
                customer_id,
                from_micros(occurred_at),
                kind,
                _money(amount),
                currency,
                country,
                list(islice(lines, line_count)),
            )
        begin += len(heads)


def _fitting(line_counts: Iterator[int]) -> int:
    """How many of the first transactions have few enough lines; at least one."""
    lines = 0
    number = 0
    for line_count in line_counts:
        lines += line_count
        if number and lines > _MOST_LINES:
            break
        number += 1
    return number


def _lines(db: duckdb.DuckDBPyConnection, begin: int, end: int) -> Iterator[wire.Line]:
    found = rows_of(
        db,
        """
        SELECT stock_code, description, quantity, price_units FROM lines
        WHERE number >= $begin AND number < $end ORDER BY number, line
        """,
        {"begin": begin, "end": end},
    )
    for stock_code, description, quantity, price in found:
        yield wire.Line(stock_code, description, quantity, _money(price))


@lru_cache(maxsize=65_536)
def _money(units: int) -> str:
    """An amount as plain decimal text; cached, because a shop has few distinct prices."""
    return f"{from_money_units(units):f}"
