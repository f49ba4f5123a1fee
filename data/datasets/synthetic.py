"""Generates retail transactions that resemble the real dataset, from a seed: their rows, piece by piece.

:mod:`data.datasets.invoices` says how the shop works. Here its invoices become rows of two yearly exports, like the
real file. The rows of a large shop don't fit into memory, so they are made in pieces.
"""

import copy
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.random import Generator

from data.datasets.catalogue import Catalogue, catalogue
from data.datasets.cells import DataError
from data.datasets.invoices import FIRST_CUSTOMER, GUEST, HOUR, MINUTE, PIECE, Progress, draw, pieces
from data.datasets.writers import write
from models.units import MICROS_PER_DAY, Ints, to_micros

__all__ = ["MAX_CUSTOMERS", "MAX_DAYS", "MAX_SEED", "MIN_DAYS", "START", "Shop", "generate", "open_shop", "write"]

START = datetime(2009, 12, 1, tzinfo=UTC)
FIRST_INVOICE = 489_434

MIN_DAYS = 7
MAX_CUSTOMERS = 10_000_000
MAX_DAYS = 36_500
MAX_SEED = 2**64 - 1

COUNTRIES = pd.array(
    ["United Kingdom", "Germany", "France", "EIRE", "Netherlands", "Spain", "Belgium", "Norway"], dtype="str"
)
COUNTRY_SHARES = (0.90, 0.025, 0.02, 0.015, 0.01, 0.01, 0.01, 0.01)

NO_DESCRIPTION = 0.02  # of the guests' lines
TWO_MOMENTS = 0.002  # of the invoices: their lines have two moments

# The real file consists of two yearly exports. The second one repeats the last days of the first.
EXPORT_DAYS = 374
REPEATED_DAYS = 9


class PieceSizes(NamedTuple):
    """About this many lines are drawn at a time, and this many rows made; both bound the memory."""

    lines: int = PIECE
    rows: int = 1 << 18


PIECE_SIZES = PieceSizes()


class _Streams(NamedTuple):
    """Random numbers, one for each line in both streams: for the part brought back, and for missing descriptions."""

    part: Generator
    nameless: Generator


class Shop:
    """A shop whose invoices are drawn. :meth:`frames` makes their rows, the same ones at every call.

    Parameters
    ----------
    rng
        A generator that has drawn the catalogue.
    hours
        The moments (micros) at which the hours of the calendar begin, from the midnight at which the shop opens.
    """

    def __init__(
        self,
        rng: Generator,
        customers: int,
        hours: Ints,
        goods: Catalogue,
        progress: Progress | None,
        sizes: PieceSizes,
    ) -> None:
        self._piece = sizes.rows
        self._price_units = goods.price_units
        self._stock_codes = pd.array(goods.stock_codes, dtype="str")
        # The last entry is for a line without description.
        self._descriptions = pd.array([*goods.descriptions, None], dtype="str")
        self._invoices, self._baskets = draw(rng, customers, hours, goods, progress, sizes.lines)
        count = len(self._invoices.line_count)
        self._first_line = np.cumsum(self._invoices.line_count, dtype=np.int64) - self._invoices.line_count
        self._lines = int(self._first_line[-1] + self._invoices.line_count[-1])
        self._first_export_end, self._second_export_begin = _exports(self._invoices.at, int(hours[0]))

        # The rows of a frame are made later, so each stream of numbers for lines gets a generator of its own.
        part = _skip(rng, self._lines, self._piece)
        is_split = rng.random(count) < TWO_MOMENTS
        self._pause = np.where(is_split, rng.integers(1, 10, count), 0).astype(np.int8)
        self._streams = _Streams(part, _skip(rng, self._lines, self._piece))
        known = int(self._invoices.customer.max()) + 1
        names = pa.array(np.arange(FIRST_CUSTOMER, FIRST_CUSTOMER + known)).cast(pa.large_string())
        # Guests, whose number is -1, are the last entry.
        self._names = pd.array(pa.chunked_array([names, pa.nulls(1, pa.large_string())]), dtype="str")
        self._country = rng.choice(len(COUNTRIES), known + 1, p=COUNTRY_SHARES).astype(np.int8)

    @property
    def rows(self) -> int:
        """The number of rows of all frames."""
        begin, end = (self._line(number) for number in (self._second_export_begin, self._first_export_end))
        return self._lines + end - begin

    @property
    def transactions(self) -> int:
        """The number of invoices and credit notes of known customers."""
        return int(np.count_nonzero(self._invoices.customer != GUEST))

    @property
    def customers(self) -> int:
        """The number of known customers who have a transaction."""
        known = self._invoices.customer[self._invoices.customer != GUEST]
        return int(np.count_nonzero(np.bincount(known)))

    def frames(self) -> Iterator[pd.DataFrame]:
        """All rows, in the columns of :func:`data.datasets.frames.clean`."""
        begin, end, count = self._second_export_begin, self._first_export_end, len(self._first_line)
        streams = copy.deepcopy(self._streams)
        yield from self._frames(0, begin, streams, export=0, row=1)
        # Both exports hold the rows from here to the end of the first one, with the same random numbers.
        again = copy.deepcopy(streams)
        yield from self._frames(begin, end, streams, export=0, row=self._line(begin) + 1)
        yield from self._frames(begin, count, again, export=1, row=self._line(end) + 1)

    def _frames(self, begin: int, end: int, streams: _Streams, *, export: int, row: int) -> Iterator[pd.DataFrame]:
        """The rows of the invoices from ``begin`` to ``end``; the first one is row number ``row`` of the file."""
        cuts = [begin + cut for cut in pieces(self._first_line[begin:end], self._line(end), self._piece)]
        for first, last in itertools.pairwise(cuts):
            rows = self._rows(first, last, streams)
            yield rows.assign(export=export, row=np.arange(row, row + len(rows)))
            row += len(rows)

    def _rows(self, first: int, last: int, streams: _Streams) -> pd.DataFrame:
        """The lines of the invoices from ``first`` to ``last``; draws a number for each line from both streams."""
        invoices = self._invoices.part(first, last)
        invoice = np.repeat(np.arange(last - first), invoices.line_count)
        within = self._first_line[first] + np.arange(len(invoice)) - self._first_line[first:last][invoice]
        line = invoices.first_line[invoice] + within
        product, bought = self._baskets.product[line], self._baskets.quantity[line].astype(np.int64)
        brought_back = np.ceil(bought * streams.part.random(len(line))).astype(np.int64)
        customer = invoices.customer[invoice]
        is_nameless = (streams.nameless.random(len(line)) < NO_DESCRIPTION) & (customer == GUEST)
        is_second_half = 2 * within >= invoices.line_count[invoice]
        pause = self._pause[first:last][invoice].astype(np.int64) * MINUTE
        numbers = [
            f"{'C' if is_return else ''}{number}"
            for number, is_return in enumerate(invoices.is_return.tolist(), FIRST_INVOICE + first)
        ]
        columns: dict[str, Any] = {
            "invoice": pd.array(numbers, dtype="str").take(invoice),
            "stock_code": self._stock_codes.take(product),
            "description": self._descriptions.take(np.where(is_nameless, -1, product)),
            "quantity": np.where(invoices.is_return[invoice], -brought_back, bought),
            "occurred_at": pd.to_datetime(invoices.at[invoice] + is_second_half * pause, unit="us", utc=True).as_unit(
                "us"
            ),
            "price_units": self._price_units[product],
            "customer": self._names.take(customer),
            "country": COUNTRIES.take(self._country[customer]),
        }
        return pd.DataFrame(columns)

    def _line(self, number: int) -> int:
        """The number of the first line of an invoice."""
        return int(self._first_line[number]) if number < len(self._first_line) else self._lines


def open_shop(
    *,
    customers: int = 2_000,
    days: int = 730,
    seed: int = 7,
    start: datetime = START,
    progress: Progress | None = None,
    sizes: PieceSizes = PIECE_SIZES,
) -> Shop:
    """A shop with ``customers`` known customers over ``days`` days; equal arguments give equal rows.

    Memory grows with the number of lines, 20 for each invoice, but only by 6 bytes a line.

    Raises
    ------
    DataError
        If ``customers``, ``days`` or ``seed`` is out of bounds.
    """
    if customers < 1 or days < MIN_DAYS:
        raise DataError(
            f"a shop needs at least 1 customer and {MIN_DAYS} days; got {customers} customers and {days} days"
        )
    for name, value, most in (("customers", customers, MAX_CUSTOMERS), ("days", days, MAX_DAYS)):
        if value > most:
            raise DataError(f"a shop has at most {most:,} {name}; got {value:,}")
    if not 0 <= seed <= MAX_SEED:
        raise DataError(f"a seed is a number from 0 to {MAX_SEED}; got {seed}")
    opening = to_micros(start.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC))
    rng = np.random.default_rng(seed)
    return Shop(rng, customers, opening + HOUR * np.arange(days * 24 + 1), catalogue(rng), progress, sizes)


def generate(*, customers: int = 2_000, days: int = 730, seed: int = 7, start: datetime = START) -> pd.DataFrame:
    """All rows of :func:`open_shop` in one frame, for a small shop."""
    shop = open_shop(customers=customers, days=days, seed=seed, start=start)
    return pd.concat(shop.frames(), ignore_index=True)


def _exports(at: Ints, opening: int) -> tuple[int, int]:
    """The number of the invoice after the first yearly export, and the number of the first one of the second export.

    Both are the number of all invoices if the time is too short for two exports. ``at`` is ascending.
    """
    end = opening + EXPORT_DAYS * MICROS_PER_DAY
    first_end, second_begin = np.searchsorted(at, [end, end - REPEATED_DAYS * MICROS_PER_DAY]).tolist()
    is_split = 0 < first_end < len(at) and at[first_end - 1] - at[second_begin] > MICROS_PER_DAY
    return (first_end, second_begin) if is_split else (len(at), len(at))


def _skip(rng: Generator, count: int, piece: int) -> Generator:
    """A copy of the generator as it is; ``rng`` itself continues after the next ``count`` random fractions."""
    before = copy.deepcopy(rng)
    for first in range(0, count, piece):
        rng.random(min(piece, count - first))
    return before
