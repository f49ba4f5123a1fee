"""Decides the decimal mark and the currency of a file, from all its distinct numbers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from data.datasets.cells import AmbiguousError, DataError, shown, trimmed
from data.datasets.currencies import meanings
from data.datasets.mapping import MappedMoney
from data.datasets.numbers import Numbers, WrittenNumber, written
from runtime.errors import Hint

_OTHER = {".": ",", ",": "."}


@dataclass(slots=True)
class _Seen:
    """What the numbers of a file show: how many give each decimal mark away, an open one, and the currencies."""

    marks: dict[str, int] = field(default_factory=lambda: {".": 0, ",": 0})
    open: str = ""
    currencies: dict[str, str] = field(default_factory=dict)


def find_out(
    money: MappedMoney, columns: Sequence[str], cells: Callable[[str], Iterable[str]], setting: str = ""
) -> tuple[MappedMoney, Numbers, list[str]]:
    """Decide the decimal mark and the currency.

    Parameters
    ----------
    columns
        The canonical columns that hold numbers, and ``currency`` if the file has that.
    cells
        Yields the distinct cells of a column.
    setting
        The currency that settles a symbol such as ``$``; empty if there is none.

    Returns
    -------
    tuple
        The keys of the mapping, the decimal mark set; the parsers; and notes.

    Raises
    ------
    AmbiguousError
        If a number can be read in two ways and no other number decides, or a symbol stands for several currencies.
    DataError
        If the amounts are in several currencies.
    """
    seen = _Seen()
    for column in columns:
        for cell in cells(column):
            if column == "currency":
                _add_currency(seen, trimmed(cell), cell)
            else:
                _look(seen, cell)
    decimal = money.decimal or _decimal(seen)
    currency = money.currency or _currency(seen, setting)
    notes = []
    if seen.marks["."] and seen.marks[","]:
        notes.append("Some numbers have a decimal point and others a decimal comma; each is read as it is written.")
    if currency and not money.currency:
        notes.append(f"Amounts are in {currency}, as the file says.")
    return msgspec.structs.replace(money, decimal=decimal, currency=currency), Numbers(decimal, currency), notes


def currency_parser(currency: str) -> Callable[[str], str]:
    """Parser of the cells of a column of currencies: there is only one."""

    def parse(cell: str) -> str:
        if currency and currency not in meanings(trimmed(cell)):
            raise ValueError(f"{shown(cell)} is not the currency {currency}")
        return currency

    return parse


def _look(seen: _Seen, cell: str) -> None:
    try:
        number: WrittenNumber = written(cell)
    except ValueError:
        return  # the parser reports it, with its row
    if number.currency:
        _add_currency(seen, number.currency, cell)
    if number.open:
        seen.open = min(seen.open or cell, cell)
    elif number.mark:
        seen.marks[number.mark] += 1


def _add_currency(seen: _Seen, name: str, cell: str) -> None:
    # Examples for messages do not depend on the order of the cells.
    seen.currencies[name] = min(seen.currencies.get(name, cell), cell)


def _decimal(seen: _Seen) -> Literal[".", ","]:
    point, comma = seen.marks["."], seen.marks[","]
    if seen.open and bool(point) == bool(comma):
        number = written(seen.open)
        mark = number.mark or "."
        why = "the other numbers have marks of both kinds" if point else "no other number decides"
        raise AmbiguousError(
            f"the number {shown(seen.open)} can be {number.number:f} (--set money.decimal={mark}) or "
            f"{number.number * 1000:.0f} (--set money.decimal={_OTHER[mark]}), and {why}"
        )
    return "," if comma > point else "."


def _currency(seen: _Seen, setting: str) -> str:
    """The only currency that every symbol and code can stand for; empty if there is neither."""
    possible: list[str] | None = None
    first = ""
    for name, cell in sorted(seen.currencies.items()):
        codes = meanings(name)
        if not codes:
            continue  # the parser reports it, with its row
        both = list(codes) if possible is None else [code for code in possible if code in codes]
        if not both:
            raise DataError(
                f"amounts are in two currencies, {shown(first)} and {shown(cell)}; a dataset has one: choose with "
                f"--set money.currency={codes[0]}",
                Hint.SKIP_OTHER_CURRENCIES,
            )
        possible, first = both, first or cell
    if not possible:
        return ""
    if len(possible) > 1 and setting not in possible:
        choices = " or ".join(f"--set money.currency={code}" for code in possible[:2])
        raise AmbiguousError(
            f"the currency of {shown(first)} can be {', '.join(possible[:5])}; choose, for example, with {choices}"
        )
    return possible[0] if len(possible) == 1 else setting
