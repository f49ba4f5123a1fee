"""Customers: which texts name nobody, and which ids a spreadsheet has shortened."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from data.datasets.cells import AmbiguousError, shown, trimmed
from data.datasets.ids import SCIENTIFIC, is_shortened
from data.datasets.mapping import Customers
from data.datasets.missing import MISSING, STAND_INS
from data.datasets.texts import identifier

_NAMED = 4

Count = Callable[[str], int]


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


def find_out(
    customers: Customers, cells: Iterable[str], rows: Count | None = None
) -> tuple[Customers, CustomerCells, list[str]]:
    """Decide who is a customer.

    Parameters
    ----------
    rows
        The number of rows that have a cell; without it, notes count nothing.

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
    named = {trimmed(text).lower() for text in customers.none}
    parser = CustomerCells(
        MISSING | named, frozenset(trimmed(text) for text in customers.real), customers.scientific == "accept"
    )
    seen = _Seen()
    for cell in cells:
        name = trimmed(cell)
        if is_shortened(name) and not parser.scientific:
            seen.shortened = min(seen.shortened or name, name)
        elif name.lower() in MISSING - named and name not in parser.real:
            seen.nobody.append(cell)
        elif name.lower() in STAND_INS - named and name not in parser.real:
            seen.doubtful.append(cell)
        elif SCIENTIFIC.fullmatch(name):
            seen.kept.add(name)
    if seen.shortened:
        raise AmbiguousError(
            f"the customer {shown(seen.shortened)} is a number that a spreadsheet has shortened: several customers can "
            "be one; export the ids as texts, or take each for one customer with --set customers.scientific=accept"
        )
    none = (*customers.none, *sorted({trimmed(cell) for cell in seen.nobody}))
    return msgspec.structs.replace(customers, none=none), parser, _notes(seen, rows)


@dataclass(slots=True)
class _Seen:
    """Customers that are not what they seem: texts for nobody, texts that may be for nobody, and shortened numbers."""

    nobody: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    shortened: str = ""


def _notes(seen: _Seen, rows: Count | None) -> list[str]:
    notes = []
    for cells, what, key, otherwise in (
        (seen.nobody, "read as no customer, so these rows are guests", "real", "it is somebody"),
        (seen.doubtful, "read as a customer like any other", "none", "it means: no customer"),
    ):
        if cells:
            names = sorted({trimmed(cell) for cell in cells})
            count = sum(map(rows, cells)) if rows else 0
            number = f" ({count:,} {'row' if count == 1 else 'rows'})" if count else ""
            setting = f"--set 'customers.{key}=[{json.dumps(names[0], ensure_ascii=False)}]'"
            notes.append(f"The customer {_listed(names)}{number} is {what} (if {otherwise}: {setting}).")
    if seen.kept:
        notes.append(f"Customers in scientific notation are kept as they are written: {_listed(sorted(seen.kept))}.")
    return notes


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(map(shown, names[:_NAMED]))}{more}"
