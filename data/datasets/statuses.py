"""The status and the kind of an order: which orders are no sales, and which ones nobody has decided about."""

import json
from collections.abc import Callable, Iterable

from data.datasets.cells import shown, trimmed
from data.datasets.mapping import Mapping
from data.datasets.missing import MISSING
from data.datasets.texts import keyword

# Statuses and kinds of orders that are sales beyond doubt, in lower case and without punctuation.
_SALES = frozenset(
    (
        "paid",
        "succeeded",
        "success",
        "successful",
        "complete",
        "completed",
        "processing",
        "wccompleted",
        "wcprocessing",
        "captured",
        "settled",
        "shipped",
        "fulfilled",
        "delivered",
        "invoiced",
        "done",
        "closed",
        "sale",
        "sales",
        "order",
        "purchase",
        "payment",
        "charge",
        "invoice",
        "verkauf",
        "salesorder",
        "partiallyrefunded",
        "partiallypaid",
        "partiallyfulfilled",
        "bezahlt",
        "abgeschlossen",
        "versendet",
        "geliefert",
    )
)
_NOT_CANCELLED = frozenset(("no", "false", "0", "n", "f", "0.0", "nein", "non", "0000-00-00 00:00:00", "0000-00-00"))
_NAMED = 6


def cancelled(cell: str) -> str | None:
    """What a cell says about the cancellation of an order, such as its date; None if the order was not cancelled.

    >>> cancelled("2024-03-01"), cancelled("FALSE"), cancelled("NULL")
    ('2024-03-01', None, None)
    """
    word = keyword(cell)
    return None if not word or word in _NOT_CANCELLED or word in MISSING else word


def notes(
    mapping: Mapping, distinct: Callable[[str], Iterable[str]], count: Callable[[str, str], int] | None = None
) -> list[str]:
    """Notes about statuses and kinds that are read as sales although that is not sure."""
    columns, rules = mapping.columns, mapping.not_sales
    decided = {"status": [*rules.statuses], "kind": [*rules.kinds, *mapping.returns.kinds]}
    keys = {"status": "not_sales.statuses", "kind": "returns.kinds"}
    found = []
    for column, known in decided.items():
        if not getattr(columns, column):
            continue
        doubtful: dict[str, int] = {}
        for cell in distinct(column):
            name = trimmed(cell)
            if not _is_decided(name, known, refunds=bool(columns.refund)):
                doubtful[name] = doubtful.get(name, 0) + (count(column, cell) if count else 0)
        if doubtful:
            found.append(_note(column, doubtful, keys[column]))
    return found


def _is_decided(name: str, known: Iterable[str], *, refunds: bool) -> bool:
    plain = _plain(name)
    return plain in _SALES or (refunds and "refunded" in plain) or keyword(name) in map(keyword, known)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, keyword(name)))


def _note(column: str, doubtful: dict[str, int], key: str) -> str:
    named = [f"{shown(name)} ({rows:,})" if rows else shown(name) for name, rows in sorted(doubtful.items())]
    more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
    return (
        f"Rows with the {column} {', '.join(named[:_NAMED])}{more} count by their amount, like sales "
        f"(if some are none, name all that are none: --set '{key}=[{json.dumps(min(doubtful), ensure_ascii=False)}]')."
    )
