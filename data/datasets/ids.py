"""Ids of customers and orders: numbers that a spreadsheet has shortened, and what is no order number."""

import re
from collections.abc import Callable

from data.datasets.cells import shown
from data.datasets.missing import MISSING
from data.datasets.texts import identifier

SCIENTIFIC = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+?(\d{1,3})", re.ASCII)
# Programs write numbers below a million in full unless they are round: 1e+05 has lost nothing, 1.23457E+11 has.
_EXACT_BELOW = 6
#: What was paid back of the order 17 later is the transaction 17-refund.
REFUND = "refund"


def is_shortened(name: str) -> bool:
    """Whether an id is a number in scientific notation that has lost digits.

    >>> is_shortened("1.23457E+11"), is_shortened("1.785E+04"), is_shortened("123457000000")
    (True, False, False)
    """
    match = SCIENTIFIC.fullmatch(name)
    return match is not None and int(match[1]) >= _EXACT_BELOW


def order_numbers(*, scientific: bool) -> Callable[[str], str]:
    """Parser of the numbers of orders: rows with the same one are one order, so it must be no stand-in for others.

    ``scientific`` says whether to accept numbers that a spreadsheet has shortened.
    """

    def parse(cell: str) -> str:
        name = identifier(cell)
        if name.lower() in MISSING:
            raise ValueError(f"{shown(cell)} is no order number")
        if not scientific and is_shortened(name):
            raise ValueError(
                f"{shown(cell)} is a number that a spreadsheet has shortened: several orders can be one; export the "
                "numbers as texts, or take each for one order with --set customers.scientific=accept"
            )
        return name

    return parse
