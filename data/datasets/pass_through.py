"""Columns that a file adds to a list of customers, such as name, e-mail and consent. They are never stored. Pure."""

from collections.abc import Sequence
from io import StringIO
from typing import NamedTuple

from data.datasets.cells import DataError, shown, trimmed
from data.datasets.csv_layout import SAMPLE, Layout, layout
from data.datasets.csv_lines import scan
from data.datasets.csv_text import decoded
from data.datasets.ids import SCIENTIFIC
from data.datasets.missing import is_missing
from data.datasets.texts import identifier

#: What a column with ids of customers is called, in lower case and without blanks, dashes and underscores.
ID_COLUMNS = ("customerid", "customer", "customernumber", "customerno", "customernr", "customercode", "id")
MOST_COLUMNS = 100


class PassThrough(NamedTuple):
    """What a file says of customers.

    Parameters
    ----------
    columns
        The names of the columns besides that of the ids, in the file's order.
    rows
        Their cells by customer id, without the blanks around them.
    notes
        Sentences for the output.
    """

    columns: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()


def read(content: bytes, name: str, id_column: str | None = None) -> PassThrough:
    """The columns of a CSV file, whatever separates them; each row is one customer.

    Parameters
    ----------
    name
        What messages call the file.
    id_column
        The column with the ids; by default the one that is called so (:data:`ID_COLUMNS`).

    Raises
    ------
    DataError
        If the file is no table, names no ids, has a customer twice, or has an id that can't be right; the message names
        the lines and says what to do.
    """
    text, notes = decoded(content, name)
    # The engine's line ends are kept, because a quoted cell may hold some.
    lines = StringIO(text.replace("\r\n", "\n").replace("\r", "\n")).readlines()
    how = layout(lines[:SAMPLE], name)
    if len(how.headers) > MOST_COLUMNS:
        raise DataError(f"{name}: it has {len(how.headers):,} columns; leave {MOST_COLUMNS} at most")
    at = _id_at(how.headers, id_column, name)
    kept = [place for place in range(len(how.headers)) if place != at]
    return PassThrough(tuple(how.headers[place] for place in kept), _rows(lines, how, at, kept, name), notes)


def _rows(lines: Sequence[str], how: Layout, at: int, kept: Sequence[int], name: str) -> dict[str, tuple[str, ...]]:
    rows: dict[str, tuple[str, ...]] = {}
    first: dict[str, int] = {}
    for line in scan(lines[how.header :], how.shape, how.header + 1):
        if line.reason:
            raise DataError(f"{name}: line {line.number:,} can't be read: {line.reason}")
        customer = _id(line.cells[at], line.number, name)
        if customer in rows:
            raise DataError(
                f"{name}: lines {first[customer]:,} and {line.number:,} are both of customer {shown(customer)}; leave "
                "one row for each customer"
            )
        first[customer] = line.number
        rows[customer] = tuple(trimmed(line.cells[place]) for place in kept)
    if not rows:
        raise DataError(f"{name}: there is no row below the names of the columns")
    return rows


def _id(cell: str, line: int, name: str) -> str:
    try:
        customer = identifier(cell)
    except ValueError as error:
        raise DataError(f"{name}: line {line:,} has no customer id: {error}") from None
    if SCIENTIFIC.fullmatch(customer):
        raise DataError(
            f"{name}: line {line:,} has the id {shown(customer)}, a number that a spreadsheet has shortened: several "
            "customers can be one; export the ids as texts"
        )
    if is_missing(customer):
        raise DataError(f"{name}: line {line:,} has no customer id but {shown(customer)}; delete the row or add the id")
    return customer


def _id_at(headers: Sequence[str], wanted: str | None, name: str) -> int:
    """The place of the column with the ids."""
    shorts = [_short(header) for header in headers]
    asked = ID_COLUMNS if wanted is None else (_short(wanted),)
    for short in asked:
        if short in shorts:
            return shorts.index(short)
    columns = ", ".join(headers[:12])
    if wanted is not None:
        raise DataError(f"{name}: there is no column {shown(wanted)}; the columns are {columns}")
    raise DataError(f"{name}: no column is called customer_id; rename the one with the ids; the columns are {columns}")


def _short(header: str) -> str:
    return "".join(header.casefold().split()).replace("_", "").replace("-", "")
