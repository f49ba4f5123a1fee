"""One order from the cells of one record, by the rules of files.

A file decides about all rows of an invoice together, in DuckDB (:mod:`data.datasets.rows`, :mod:`data.datasets.fold`).
A record has the whole order, so its rules need no table. A test compares the two.
"""

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from data.contract import wire
from data.contract.bounds import MAX_ID_LENGTH, MAX_MONEY
from data.datasets.cells import trimmed
from data.datasets.conventions import Conventions
from data.datasets.ids import REFUND
from data.datasets.mapping import Mapping
from models.units import MONEY_UNITS, from_micros, money_text

_EMPTY = "the field is blank"
_MAX_UNITS = MAX_MONEY * MONEY_UNITS

Cells = Dict[str, str | None]
"""The cells of the canonical columns; None for a blank one."""
LeftOut = Literal["guest", "not a sale"]
"""Why an order is no transaction although nothing is wrong with it."""


class OrderError(ValueError):
    """An order that can't be used; ``column`` is the canonical column of the cell that is the cause."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column


class _Row(NamedTuple):
    """A line of the order with what the order says once, or the whole order; ``fault`` is a column and a reason."""

    values: dict[str, Any]
    fault: tuple[str, str] | None
    is_no_sale: bool


def read_order(
    known: Conventions, head: Cells, lines: Sequence[Cells] | None = None
) -> list[wire.Transaction] | LeftOut:
    """The transactions of an order: the sale or the return, and what was paid back later.

    Parameters
    ----------
    known
        How the columns are written. The currency of its mapping is set.
    head
        What the order says once, or the whole order if it has no lines.
    lines
        The cells of each line that are columns of lines. A column of lines is in no head.

    Raises
    ------
    OrderError
        If the order can't be used.
    """
    rows = [_row(known, head, {})] if lines is None else [_row(known, head, line) for line in lines]
    if not rows:
        raise OrderError("transaction", "the order has no lines")
    kept = [row for row in rows if not row.is_no_sale]
    if kept and (fault := next((row.fault for row in kept if row.fault), None)):
        raise OrderError(*fault)
    if rows[0].values["customer"] is None:
        return "guest"
    if not kept:
        return "not a sale"
    values = kept[0].values
    amount_of_order = lines is None or "amount" in head
    total = _total(known, kept, amount_of_order=amount_of_order)
    found = [_transaction(known.mapping, values, total, _lines(known, kept, amount_of_order=amount_of_order))]
    if values.get("refund"):
        found.append(_refund(known.mapping, values))
    return found


def read_edited_order(
    known: Conventions, head: Cells, lines: Sequence[Cells] | None = None
) -> list[wire.Transaction] | LeftOut:
    """:func:`read_order` for an order that may have been another one before: a refund that it has not is cancelled."""
    found = read_order(known, head, lines)
    if isinstance(found, str) or "refund" not in known.parsers or len(found) > 1:
        return found
    return [*found, *cancelled_refund(found[0])]


def cancelled(known: Conventions, head: Cells, lines: Sequence[Cells] | None = None) -> list[wire.Transaction]:
    """What cancels an order that is no sale any more: nothing if it never was one, whatever the record said before.

    Parameters are those of :func:`read_order`, which has left the order out as no sale.

    Raises
    ------
    OrderError
        If the order has no number or no time.
    """
    row = _row(known, head, lines[0] if lines else {})
    number, time = row.values.get("transaction"), row.values.get("time")
    if number is None or time is None:
        column = "transaction" if number is None else "time"
        raise OrderError(column, row.fault[1] if row.fault and row.fault[0] == column else _EMPTY)
    rules, customer = known.mapping.not_sales, row.values["customer"]
    listed = {text.strip().lower() for text in rules.customers}
    if number.startswith(rules.transaction_prefixes) or customer.strip().lower() in listed:
        return []
    currency, country = known.mapping.money.currency, row.values.get("country") or wire.UNSPECIFIED
    order = wire.Transaction(number, customer, from_micros(time), "cancelled", money_text(0), currency, country, [])
    return [order, *cancelled_refund(order)] if "refund" in known.parsers else [order]


def cancelled_refund(order: wire.Transaction) -> list[wire.Transaction]:
    """What cancels the refund of an order, which has a number of its own."""
    number = _refund_number(order.transaction_id)
    if len(number) > MAX_ID_LENGTH:
        return []
    return [msgspec.structs.replace(order, transaction_id=number, kind="cancelled", amount=money_text(0), lines=[])]


def _refund_number(number: str) -> str:
    return f"{number}-{REFUND}"


def _row(known: Conventions, head: Cells, line: Cells) -> _Row:
    values: dict[str, Any] = {"customer": None}
    fault = None
    for column, parse in known.parsers.items():
        cell = line[column] if column in line else head.get(column)
        try:
            values[column] = None if cell is None or not trimmed(cell) else parse(cell)
        except ValueError as error:
            values[column] = None
            fault = fault or (column, str(error))
    return _Row(values, fault or _fault(values), _is_no_sale(known.mapping, values))


def _fault(values: dict[str, Any]) -> tuple[str, str] | None:
    """What is wrong with a row whose cells can be read."""
    for column in ("transaction", "time"):
        if values.get(column) is None:
            return column, _EMPTY
    if "quantity" not in values:
        return None
    quantity, price = values["quantity"], values["price"]
    if quantity is None and price is None and "amount" in values:
        return None
    if quantity is None or price is None:
        return "quantity" if quantity is None else "price", _EMPTY
    # A return has one minus: minus one piece at minus ten would be a sale of ten.
    if quantity < 0 and price < 0:
        return "price", "the quantity and the price are both negative"
    if abs(quantity * price) >= _MAX_UNITS:
        return "price", "quantity times price is too large an amount"
    return None


def _is_no_sale(mapping: Mapping, values: dict[str, Any]) -> bool:
    rules = mapping.not_sales
    listed = (
        (values.get("stock_code"), rules.stock_codes),
        (values.get("kind"), rules.kinds),
        (values.get("status"), rules.statuses),
        (values.get("customer"), rules.customers),
    )
    return (
        values.get("cancelled") is not None
        or any((values.get("transaction") or "").startswith(prefix) for prefix in rules.transaction_prefixes)
        or any(
            value is not None and value.strip().lower() in {text.strip().lower() for text in texts}
            for value, texts in listed
        )
    )


def _total(known: Conventions, rows: Sequence[_Row], *, amount_of_order: bool) -> int:
    """The total in money units. An amount of the order counts once, whatever its lines add up to."""
    if "amount" not in known.parsers:
        return sum(row.values["quantity"] * row.values["price"] for row in rows)
    amounts = [row.values["amount"] for row in (rows[:1] if amount_of_order else rows)]
    if None in amounts:
        raise OrderError("amount", _EMPTY)
    return sum(amounts)


def _lines(known: Conventions, rows: Sequence[_Row], *, amount_of_order: bool) -> list[wire.Line]:
    """The lines of a transaction; an amount without a quantity is a line of its own."""
    if "quantity" not in known.parsers:
        amounts = [row.values for row in (rows[:1] if amount_of_order else rows)]
        return [_line(values, -1 if values["amount"] < 0 else 1, abs(values["amount"])) for values in amounts]
    return [
        _line(row.values, row.values["quantity"], row.values["price"])
        for row in rows
        if row.values["quantity"] is not None
    ]


def _line(values: dict[str, Any], quantity: int, price: int) -> wire.Line:
    return wire.Line(values.get("stock_code") or "", values.get("description"), quantity, money_text(price))


def _transaction(mapping: Mapping, values: dict[str, Any], total: int, lines: list[wire.Line]) -> wire.Transaction:
    number, kind = values["transaction"], values.get("kind")
    prefix, kinds = mapping.returns.prefix.lower(), {text.strip().lower() for text in mapping.returns.kinds}
    has_prefix = bool(prefix) and number.lower().startswith(prefix)
    is_kind = None if not kinds or kind is None else kind.strip().lower() in kinds
    reason = None
    if abs(total) >= _MAX_UNITS:
        reason = "is too large an amount"
    elif total > 0 and has_prefix:
        reason = "is positive for a return"
    elif total < 0 and not has_prefix and (is_kind is False or (is_kind is None and not mapping.returns.negative)):
        reason = "is negative for a sale"
    if reason is not None:
        raise OrderError("transaction", f"a total of {money_text(total)} {reason}")
    is_return = total < 0 or has_prefix or bool(is_kind)
    return wire.Transaction(
        number,
        values["customer"],
        from_micros(values["time"]),
        "return" if is_return else "sale",
        money_text(abs(total)),
        mapping.money.currency,
        values.get("country") or wire.UNSPECIFIED,
        lines,
    )


def _refund(mapping: Mapping, values: dict[str, Any]) -> wire.Transaction:
    """What was paid back later: a return of its own, at the time of the order, so that the sale keeps its place."""
    number, paid = _refund_number(values["transaction"]), abs(values["refund"])
    if len(number) > MAX_ID_LENGTH:
        raise OrderError("refund", f"the refund needs the number {number}, which is too long")
    return wire.Transaction(
        number,
        values["customer"],
        from_micros(values["time"]),
        "return",
        money_text(paid),
        mapping.money.currency,
        values.get("country") or wire.UNSPECIFIED,
        [wire.Line(REFUND, "Refund", -1, money_text(paid))],
    )
