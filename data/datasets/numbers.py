"""Numbers as shops write them, exactly: ``1,250.00``, ``1.250,00``, ``1'250.00``, ``(12.50)``, ``12.50 €``.

Most numbers tell by themselves which mark is the decimal mark. A number such as ``1.234`` does not: the other numbers
of the file decide, or the mapping.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from data.contract.bounds import MAX_MONEY
from data.datasets.cells import shown, trimmed
from data.datasets.currencies import meanings, without_currency
from models.units import MONEY_DECIMALS

# What separates groups of three digits besides point and comma: blanks of all widths, and apostrophes.
_GROUPS = str.maketrans(dict.fromkeys("\xa0\u202f\u2009\u2007", " ") | {"’": "'", "‘": "'"})
_MINUS = "-\N{MINUS SIGN}"
# Strokes in place of the cents: 12,- is 12, not minus 12.
_NO_CENTS = re.compile(r"(?<=\d)([.,:]) ?[-\N{MINUS SIGN}\N{EN DASH}\N{EM DASH}]{1,2}(?!\d)")

_WHOLE = re.compile(r"\d{1,18}", re.ASCII)
_EXPONENT = re.compile(r"(\d{1,18})(?:([.,])(\d{0,18}))?[eE]([+-]?\d{1,2})", re.ASCII)
_GROUPED = re.compile(r"(\d{1,3}(?:([' ])\d{3})(?:\2\d{3}){0,4})(?:([.,])(\d{0,18}))?", re.ASCII)
# Groups of three digits, or the Indian groups of two before the last three: 12,34,567.
_BOTH = re.compile(r"(\d{1,3}([.,])(?:\d{3}\2){0,4}\d{3}|\d{1,2}(,)(?:\d{2},){1,6}\d{3})([.,])(\d{0,18})", re.ASCII)
_REPEATED = re.compile(r"\d{1,3}([.,])(?:\d{3}\1){1,4}\d{3}|\d{1,2}(,)(?:\d{2},){1,6}\d{3}", re.ASCII)
_ONE_MARK = re.compile(r"(\d{0,18})([.,])(\d{0,18})", re.ASCII)


class WrittenNumber(NamedTuple):
    """A number as it is written.

    ``mark`` is the decimal mark that the number gives away, None if it has none and needs none. A number that can be
    read in two ways is ``open``: its only mark is followed by three digits.
    """

    number: Decimal
    mark: str | None
    open: bool
    currency: str | None


def written(cell: str) -> WrittenNumber:
    """Take a number apart.

    An ``open`` number is given as it is if its mark is the decimal mark; without it, it is a thousand times as much.

    Raises
    ------
    ValueError
        If the cell is no number.

    Examples
    --------
    >>> written("1.250,00 €")
    WrittenNumber(number=Decimal('1250.00'), mark=',', open=False, currency='€')
    >>> written("(1,234)")
    WrittenNumber(number=Decimal('-1.234'), mark=',', open=True, currency=None)
    >>> written("12,- €")
    WrittenNumber(number=Decimal('12'), mark=None, open=False, currency='€')
    """
    text, no_cents = _NO_CENTS.subn("", trimmed(cell).translate(_GROUPS), count=1)
    negative, body, currency = _unsigned(text)
    try:
        number, mark, is_open = _body(body)
    except ValueError:
        raise ValueError(f"{shown(cell)} is not a number") from None
    if no_cents and is_open:  # the strokes stand where the decimal mark is, so the mark before them is none
        number, mark, is_open = number * 1000, None, False
    return WrittenNumber(number.copy_negate() if negative and number else number, mark, is_open, currency)


def _unsigned(text: str) -> tuple[bool, str, str | None]:
    """Whether a number is negative, its digits and marks, and its currency. It has at most one sign."""
    currency, signs = None, 0
    positive = False
    while True:
        before = text
        if text[:1] == "(" and text[-1:] == ")":
            text, signs = text[1:-1].strip(), signs + 1
        elif text[:1] in tuple(_MINUS):
            text, signs = text[1:].strip(), signs + 1
        elif text[-1:] in tuple(_MINUS):
            text, signs = text[:-1].strip(), signs + 1
        elif text[:1] == "+" and not positive:
            text, positive = text[1:].strip(), True
        elif currency is None:
            text, currency = without_currency(text)
        if text == before:
            break
    return signs == 1, text if signs + positive <= 1 else "", currency


def _body(text: str) -> tuple[Decimal, str | None, bool]:
    """The number without sign, its decimal mark, and whether it is open."""
    if _WHOLE.fullmatch(text):
        return Decimal(text), None, False
    if match := _EXPONENT.fullmatch(text):
        return Decimal(f"{match[1]}.{match[3] or 0}e{match[4]}"), match[2], False
    if match := _GROUPED.fullmatch(text):
        return Decimal(f"{_digits(match[1])}.{match[4] or 0}"), match[3], False
    if (match := _BOTH.fullmatch(text)) and match[4] != (match[2] or match[3]):
        return Decimal(f"{_digits(match[1])}.{match[5] or 0}"), match[4], False
    if match := _REPEATED.fullmatch(text):
        return Decimal(_digits(text)), "," if match[1] == "." else ".", False
    match = _ONE_MARK.fullmatch(text)
    if not match or not (match[1] or match[3]):
        raise ValueError
    is_open = len(match[3]) == 3 and 1 <= len(match[1]) <= 3 and match[1][0] != "0"
    return Decimal(f"{match[1] or 0}.{match[3] or 0}"), match[2], is_open


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


@dataclass(frozen=True, slots=True)
class Numbers:
    """How the numbers of a file are read.

    Parameters
    ----------
    decimal
        The decimal mark of numbers that do not tell: ``.`` or ``,``; empty if there are none.
    currency
        The only currency that amounts may be in; empty for any.
    """

    decimal: str
    currency: str = ""

    def number(self, cell: str) -> Decimal:
        """The exact number."""
        number, mark, is_open, currency = written(cell)
        if currency is not None and self.currency and self.currency not in meanings(currency):
            raise ValueError(f"{shown(cell)} is not an amount in {self.currency}")
        if not is_open or mark == self.decimal:
            return number
        if not self.decimal:
            raise ValueError(f"{shown(cell)} can be {number} or {number * 1000:f}")
        return number * 1000

    def units(self, cell: str) -> int:
        """An amount or a price in ten-thousandths of the currency unit."""
        number = self.number(cell)
        if abs(number) >= MAX_MONEY:
            raise ValueError(f"{shown(cell)} is too large an amount; amounts are below {MAX_MONEY:,}")
        units = number.scaleb(MONEY_DECIMALS)
        if units != units.to_integral_value():
            raise ValueError(f"{shown(cell)} has more than {MONEY_DECIMALS} decimals")
        return int(units)

    def quantity(self, cell: str) -> int:
        """A whole number of pieces."""
        number = self.number(cell)
        if abs(number) >= MAX_MONEY:
            raise ValueError(f"{shown(cell)} is too large a quantity")
        if number != number.to_integral_value():
            raise ValueError(
                f"{shown(cell)} is not a whole number of pieces; "
                "for goods by weight, map columns.amount in place of quantity and price"
            )
        return int(number)
