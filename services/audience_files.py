"""The file of an audience: one row a customer, for spreadsheets or for other systems."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TextIO

from data.datasets.pass_through import PassThrough
from data.postgres.audience_members import FoundMembers
from models.audience import NO_STATE
from models.rhythm.rhythms import since
from models.rhythm.risk import RISK_STATES
from models.rhythm.seasonal_clock import NEVER
from models.units import MONEY_UNITS, from_micros, money_text
from runtime.errors import SegueError
from runtime.spreadsheets import BYTE_ORDER_MARK, MOST_ROWS, harmless

#: What a file is for.
Use = Literal["systems", "spreadsheets"]
COLUMNS = (
    *("customer_id", "persona", "segment", "segment_since", "previous_persona", "previous_segment"),
    *("recency_days", "frequency", "net_spend", "risk_state", "risk_state_since", "money_at_stake"),
    *("country", "currency", "as_of"),
)
#: Before the name of a column of a joined file that has the name of one of ours.
PREFIX = "file_"


class TooManyRowsError(SegueError):
    """A file for spreadsheets that no spreadsheet could open whole."""


@dataclass(frozen=True)
class About:
    """What all rows of a file share.

    Parameters
    ----------
    personas
        Names of segments by id.
    joined
        Columns that are added by customer id.
    most
        At most this many rows are written.
    sheet_rows
        The most rows of a file for spreadsheets.
    """

    personas: Mapping[str, str]
    event_time: datetime
    currency: str
    use: Use = "systems"
    joined: PassThrough | None = None
    most: int | None = None
    sheet_rows: int = MOST_ROWS


@dataclass(frozen=True)
class WrittenFile:
    """What was written.

    Parameters
    ----------
    customers
        Rows of the file.
    not_in_file
        Members whom the joined file does not have; their added cells are empty.
    not_in_audience
        Rows of the joined file whose customer is no member, and so not in the file.
    renamed
        Columns of the joined file that have another name, because one of ours is called so.
    """

    customers: int
    not_in_file: int = 0
    not_in_audience: int = 0
    renamed: tuple[str, ...] = ()


def left_out(rows: int) -> str:
    """How many rows of a joined file are left out, and why.

    >>> left_out(2)
    '2 of its rows match no customer in the audience and are left out'
    """
    matches, are = ("matches", "is") if rows == 1 else ("match", "are")
    return f"{rows:,} of its rows {matches} no customer in the audience and {are} left out"


def write(file: TextIO, parts: Iterable[FoundMembers], about: About) -> WrittenFile:
    """Write an audience as CSV.

    ``systems`` get every text as it is. ``spreadsheets`` get a mark by which Excel recognises UTF-8, an apostrophe
    before a text that they would run, and escapes in place of hidden characters.

    Parameters
    ----------
    parts
        Members with their stays (``with_stays``), and with their rhythms if there are predictions.

    Raises
    ------
    TooManyRowsError
        If a file for spreadsheets would have more rows than a sheet.
    """
    is_sheet = about.use == "spreadsheets"
    if is_sheet:
        file.write(BYTE_ORDER_MARK)
    out = csv.writer(file, lineterminator="\r\n" if is_sheet else "\n")
    joined = about.joined
    added = () if joined is None else tuple(PREFIX + name if _is_ours(name) else name for name in joined.columns)
    out.writerow([*COLUMNS, *_texts(added, is_sheet)])
    nothing = ("",) * len(added)
    number, matched = 0, 0
    for customer, cells in _rows(parts, about):
        if number == about.most:
            break
        if is_sheet and number == about.sheet_rows:
            raise TooManyRowsError(
                f"a sheet has at most {about.sheet_rows:,} rows: write the file for systems, or narrow the filters"
            )
        more = nothing if joined is None else joined.rows.get(customer)
        matched += joined is not None and more is not None
        out.writerow(_texts((customer, *cells, *(more or nothing)), is_sheet))
        number += 1
    if joined is None:
        return WrittenFile(number)
    renamed = tuple(name for name in joined.columns if _is_ours(name))
    return WrittenFile(number, number - matched, len(joined.rows) - matched, renamed)


def _is_ours(name: str) -> bool:
    """Whether a program that does not distinguish case takes it for one of our columns."""
    return name.strip().casefold() in COLUMNS


def _texts(cells: Iterable[str], is_sheet: bool) -> Iterable[str]:
    return map(_for_sheet, cells) if is_sheet else cells


def _for_sheet(cell: str) -> str:
    # A negative amount is a number, and no formula.
    return cell if _is_number(cell) else harmless(cell)


def _is_number(cell: str) -> bool:
    return cell[:1] == "-" and cell[1:].replace(".", "", 1).isascii() and cell[1:].replace(".", "", 1).isdigit()


def _rows(parts: Iterable[FoundMembers], about: About) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The id and the other own cells of each member."""
    as_of = _moment(about.event_time)
    for part in parts:
        customers, stays, found = part.customers, part.stays, part.found
        if stays is None:
            raise ValueError("read the members with their stays")
        begins = None if found is None else since(customers.histories, found)
        for row in part.rows.tolist():
            segment, before = customers.segment.of(row) or "", stays.previous.of(row)
            risk = ("", "", "")
            if found is not None and begins is not None and found.state[row] != NO_STATE:
                state = RISK_STATES[int(found.state[row])]
                risk = (state, _micros(int(begins[row])), f"{found.stake.money[row]:.2f}")
            yield (
                customers.customer_id.of(row),
                (
                    about.personas.get(segment, segment),
                    segment,
                    _micros(int(stays.since[row])),
                    about.personas.get(before, before),
                    before,
                    str(stays.recency_days[row]),
                    str(customers.histories.orders[row]),
                    money_text(round(float(customers.spent[row]) * MONEY_UNITS)),
                    *risk,
                    customers.country.of(row) or "",
                    about.currency,
                    as_of,
                ),
            )


def _micros(moment: int) -> str:
    return "" if moment == NEVER else _moment(from_micros(moment))


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
