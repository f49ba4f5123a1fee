"""What the ledger adds up to: sales, and the money of sales and of returns. A cancelled order counts nothing."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func

from data.postgres.tables import transactions

_t = transactions.c
#: Conditions on a row of the ledger.
SALE, BACK = _t.kind == "sale", _t.kind == "return"


class LedgerTotals(NamedTuple):
    """Aggregates of rows of the ledger, without labels; money is NUMERIC."""

    frequency: ColumnElement[int]
    gross: ColumnElement[Any]
    returned: ColumnElement[Any]


def ledger_totals(*inside: ColumnElement[bool]) -> LedgerTotals:
    """The totals of the rows that pass all conditions ``inside``; 0 without any."""
    sold, back = (func.sum(_t.amount).filter(kind, *inside) for kind in (SALE, BACK))
    return LedgerTotals(func.count().filter(SALE, *inside), func.coalesce(sold, 0), func.coalesce(back, 0))
