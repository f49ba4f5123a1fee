"""Finds out how the columns of a file are written, from all their distinct cells, and makes parsers of the cells."""

from collections.abc import Callable, Iterable
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from data.datasets import customers, date_conventions, ids, number_conventions, statuses, texts
from data.datasets.cells import AmbiguousError as AmbiguousError
from data.datasets.mapping import Mapping
from data.datasets.missing import is_missing

_NUMBERS = ("amount", "price", "refund", "quantity")
# The canonical column "time" is these columns of the file, with a blank between two.
TIME_PARTS = ("time", "time_of_day", "time_zone")


@dataclass(frozen=True, slots=True)
class Conventions:
    """What was found out about the columns of a file.

    Parameters
    ----------
    mapping
        The mapping, with format, order of day and month, zone and decimal mark set; with the currency if the file or
        the mapping says it.
    parsers
        For each canonical column that the file has, the function from a cell to its value. It raises ``ValueError``
        with a reason that begins with the cell.

        ========================= =====================================================================
        transaction               ``str``, of 1 to 64 characters
        customer                  ``str``, or None for a guest
        time                      ``int``: microseconds since 1970-01-01 UTC
        amount, price, refund     ``int``: ten-thousandths of the currency unit, with their sign
        quantity                  ``int``
        country                   ``str``, ``Unspecified`` for a blank
        stock_code, export        ``str``, unchanged
        description               ``str`` unchanged, or None for a blank
        kind, status              ``str`` in lower case
        cancelled                 ``str``, or None for what says that the order was not cancelled
        currency                  ``str``: the code of the only currency
        ========================= =====================================================================
    notes
        Sentences for the output: what was decided that a reader should know.
    """

    mapping: Mapping
    parsers: Dict[str, Callable[[str], Any]]
    notes: tuple[str, ...]


def find_out(
    mapping: Mapping,
    distinct: Callable[[str], Iterable[str]],
    currency: str = "",
    count: Callable[[str, str], int] | None = None,
) -> Conventions:
    """Find out how the columns are written.

    Parameters
    ----------
    mapping
        How the file is to be read; its columns are those of the file.
    distinct
        Yields the distinct cells of a canonical column that are not blank; is called several times for a column. The
        cells of ``time`` are those of the columns :data:`TIME_PARTS` that the file has, joined by blanks.
    currency
        The setting of the currency, which settles a symbol such as ``$``.
    count
        The number of rows that have a cell in a canonical column, for notes.

    Raises
    ------
    AmbiguousError
        If cells can be read in two ways; the message names both, and the settings that choose.
    DataError
        If the amounts are in several currencies.
    """
    columns = mapping.columns.named()
    time, moments, time_notes = date_conventions.find_out(mapping.time, lambda: distinct("time"))
    numeric = [name for name in (*_NUMBERS, "currency") if name in columns]
    money, numbers, money_notes = number_conventions.find_out(mapping.money, numeric, distinct, currency)
    people, customer_cells, customer_notes = customers.find_out(
        mapping.customers, distinct("customer"), partial(count, "customer") if count else None
    )
    status_notes = statuses.notes(mapping, distinct, count)
    parsers: dict[str, Callable[[str], Any]] = {
        "transaction": ids.order_numbers(scientific=mapping.customers.scientific == "accept"),
        "customer": customer_cells.parse,
        "time": moments.micros,
        "amount": numbers.units,
        "price": numbers.units,
        "refund": lambda cell: None if is_missing(cell) else numbers.units(cell),
        "quantity": numbers.quantity,
        "country": texts.country,
        "stock_code": str,
        "description": texts.description,
        "kind": texts.keyword,
        "status": texts.keyword,
        "cancelled": statuses.cancelled,
        "currency": number_conventions.currency_parser(money.currency),
        "export": str,
    }
    return Conventions(
        msgspec.structs.replace(mapping, time=time, money=money, customers=people),
        {name: parse for name, parse in parsers.items() if name in columns},
        (*time_notes, *money_notes, *customer_notes, *status_notes),
    )
