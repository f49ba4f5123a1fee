"""Customers: which texts name nobody, and which ids a spreadsheet has shortened."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from data.datasets.cells import AmbiguousError, shown, trimmed
from data.datasets.mapping import Customers
from data.datasets.texts import identifier

# What programs write in place of a missing value, in lower case.
NOBODY = frozenset(
    (
        "nan",
        "null",
        "none",
        "n/a",
        "#n/a",
        "<na>",
        "na",
        "nat",
        "nil",
        "(null)",
        "(none)",
        "undefined",
        "-",
        "--",
        "—",
        "#n/a n/a",
    )
)
_SCIENTIFIC = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+?(\d{1,3})", re.ASCII)
# Programs write numbers below a million in full unless they are round: 1e+05 has lost nothing, 1.23457E+11 has.
_EXACT_BELOW = 6
_NAMED = 4


@dataclass(frozen=True, slots=True)
class CustomerCells:
    """Parses the cells of a column of customers.

    Parameters
    ----------
    none
        Texts that name nobody, in lower case.
    real
        Texts that name somebody although they are in ``none``, as they are written.
    scientific
        Whether to accept ids that have lost digits.
    """

    none: frozenset[str]
    real: frozenset[str]
    scientific: bool

    def parse(self, cell: str) -> str | None:
        """A customer's id, None for a guest."""
        name = trimmed(cell)
        if not name or (name.lower() in self.none and name not in self.real):
            return None
        if not self.scientific and is_shortened(name):
            raise ValueError(f"{shown(cell)} is an id that a spreadsheet has shortened")
        return identifier(name)


def is_shortened(name: str) -> bool:
    """Whether an id is a number in scientific notation that has lost digits.

    >>> is_shortened("1.23457E+11"), is_shortened("1.785E+04"), is_shortened("123457000000")
    (True, False, False)
    """
    match = _SCIENTIFIC.fullmatch(name)
    return match is not None and int(match[1]) >= _EXACT_BELOW


def find_out(customers: Customers, cells: Iterable[str]) -> tuple[Customers, CustomerCells, list[str]]:
    """Decide who is a customer.

    Returns
    -------
    tuple
        The keys of the mapping with every text that names nobody, the parser of the cells, and notes about texts that
        the mapping does not mention.

    Raises
    ------
    AmbiguousError
        If an id has been shortened and the mapping does not accept that.
    """
    parser = CustomerCells(
        NOBODY | {trimmed(text).lower() for text in customers.none},
        frozenset(trimmed(text) for text in customers.real),
        customers.scientific == "accept",
    )
    named = {trimmed(text).lower() for text in customers.none}
    found: set[str] = set()
    kept: set[str] = set()
    shortened = ""
    for cell in cells:
        name = trimmed(cell)
        if is_shortened(name) and not parser.scientific:
            shortened = min(shortened or name, name)
        elif name.lower() in NOBODY - named and name not in parser.real:
            found.add(name)
        elif _SCIENTIFIC.fullmatch(name):
            kept.add(name)
    if shortened:
        raise AmbiguousError(
            f"the customer {shown(shortened)} is a number that a spreadsheet has shortened: several customers can be "
            "one; export the ids as texts, or take each for one customer with --set customers.scientific=accept"
        )
    none = (*customers.none, *sorted(found))
    return msgspec.structs.replace(customers, none=none), parser, _notes(sorted(found), sorted(kept))


def _notes(found: list[str], kept: list[str]) -> list[str]:
    notes = []
    if found:
        names = " or ".join(map(shown, found))
        notes.append(
            f"The customer {names} is nobody: these rows are guests "
            f"(if {found[0]} is somebody: --set 'customers.real=[{json.dumps(found[0], ensure_ascii=False)}]')."
        )
    if kept:
        names = ", ".join(map(shown, kept[:_NAMED]))
        more = f" and {len(kept) - _NAMED:,} more" if len(kept) > _NAMED else ""
        notes.append(f"Customers in scientific notation are kept as they are written: {names}{more}.")
    return notes
