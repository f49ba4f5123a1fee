"""The status of an order: which orders are no sales, and which ones nobody has decided about."""

from collections.abc import Callable, Iterable

from data.datasets.cells import shown, trimmed
from data.datasets.mapping import Mapping
from data.datasets.missing import MISSING
from data.datasets.texts import keyword

# Statuses of orders that are sales beyond doubt, in lower case and without punctuation.
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
    """A note about statuses that are read as sales although that is not sure."""
    left_out = {keyword(status) for status in mapping.not_sales.statuses}
    refunded = bool(mapping.columns.refund)
    doubtful: dict[str, int] = {}
    for cell in distinct("status"):
        word = keyword(cell)
        plain = "".join(filter(str.isalnum, word))
        if word in left_out or plain in _SALES or (refunded and "refunded" in plain):
            continue
        name = trimmed(cell)
        doubtful[name] = doubtful.get(name, 0) + (count("status", cell) if count else 0)
    if not doubtful:
        return []
    named = [f"{shown(name)} ({rows:,})" if rows else shown(name) for name, rows in sorted(doubtful.items())]
    more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
    example = min(doubtful)
    return [
        f"Rows with the status {', '.join(named[:_NAMED])}{more} are read as sales "
        f"(if one is none, name all that are: --set 'not_sales.statuses=[\"{example}\"]')."
    ]
