"""Asking the ledger which of some transactions it has, and with which content."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ARRAY, Connection, Text, bindparam, select, text

from data.postgres.tables import transactions

_MOMENT = transactions.c.occurred_at
# One array per column: a statement with a parameter for each id would be planned anew for every number of ids.
_KNOWN = text("""
SELECT asked.number, (extract(epoch FROM occurred_at) * 1000000)::int8, kind, (amount * 10000)::int8, revision
FROM unnest(:customers, :transactions) WITH ORDINALITY AS asked (customer_id, transaction_id, number)
JOIN transactions USING (customer_id, transaction_id)
""").bindparams(bindparam("customers", type_=ARRAY(Text)), bindparam("transactions", type_=ARRAY(Text)))


class Known(NamedTuple):
    """What the ledger has of a transaction; ``occurred_at`` in micros, ``amount_units`` in ten-thousandths."""

    occurred_at: int
    kind: str
    amount_units: int
    revision: int = 0


def known(connection: Connection, customers: Sequence[str], ids: Sequence[str]) -> dict[int, Known]:
    """What the ledger has of some transactions, by their place (from 0) in two sequences of equal length."""
    asked = {"customers": list(customers), "transactions": list(ids)}
    return {number - 1: Known(*values) for number, *values in connection.execute(_KNOWN, asked)}


def is_empty(connection: Connection) -> bool:
    """Whether the ledger has no transaction at all."""
    return not connection.execute(select(select(_MOMENT).exists())).scalar_one()


def has_after(connection: Connection, moment: datetime) -> bool:
    """Whether the ledger has a transaction that happened after a moment."""
    return bool(connection.execute(select(select(_MOMENT).where(moment < _MOMENT).exists())).scalar_one())
