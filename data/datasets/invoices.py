"""Draws the invoices of the synthetic shop: who comes when, what a basket holds, and what is brought back.

Purchases follow the Pareto/NBD model (Schmittlein, Morrison & Colombo 1987): each customer buys at a random rate during
a random lifetime. Time in that process is measured in *shop days*, which do not pass while the shop is closed and pass
fast in a busy autumn. So a homogeneous Poisson process in shop days is seasonal by the calendar.

A large shop has a hundred million lines. A line is kept as a small product number and a quantity (6 bytes), and random
numbers for lines are drawn in pieces, which gives the same numbers as drawing them at once.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from data.datasets.catalogue import Catalogue
from models.units import MICROS_PER_DAY, Floats, Ints

FIRST_CUSTOMER = 12_346
GUEST = -1
HOUR = MICROS_PER_DAY // 24
MINUTE = HOUR // 60

# Relative sales by month (January first), by weekday (Monday first; closed on Saturdays), and by hour.
MONTHS = np.array([0.65, 0.75, 0.92, 0.83, 0.95, 0.97, 0.88, 0.83, 1.15, 1.31, 1.75, 1.20])
WEEKDAYS = np.array([1.08, 1.24, 1.25, 1.46, 1.02, 0.0, 0.90])
HOURS = np.array([0] * 7 + [1, 25, 67, 115, 126, 159, 141, 119, 105, 69, 39, 15, 12, 2] + [0] * 3) / 995

FOUNDERS = 0.16  # of the customers: they buy from the start
LAPSED = 0.01  # of the customers: they only have returns
GUESTS = 0.16  # of the visits
RETURNS = 0.24  # credit notes for each visit

# Called with the number of lines drawn so far and the number of all lines.
Progress = Callable[[int, int], None]

Numbers = NDArray[np.int32]

#: About this many lines are drawn at a time, which bounds the memory.
PIECE = 1 << 20


class Visits(NamedTuple):
    """Visits to the shop, one per element: the customer, the time in shop days, and the lines of the baskets."""

    customer: Numbers
    at: Floats
    first_line: Ints
    line_count: Numbers


class Baskets(NamedTuple):
    """The lines of all visits, one visit after the other: the product and the quantity."""

    product: NDArray[np.int16]
    quantity: Numbers


class Invoices(NamedTuple):
    """Invoices in order of time: customer, moment (micros), whether it is a return, and the lines of the baskets."""

    customer: Numbers
    at: Ints
    is_return: NDArray[np.bool_]
    first_line: Ints
    line_count: Numbers

    def part(self, first: int, last: int) -> "Invoices":
        """The invoices number ``first`` up to ``last``."""
        return Invoices(
            self.customer[first:last],
            self.at[first:last],
            self.is_return[first:last],
            self.first_line[first:last],
            self.line_count[first:last],
        )


def draw(
    rng: Generator,
    customers: int,
    hours: Ints,
    goods: Catalogue,
    progress: Progress | None = None,
    piece: int = PIECE,
) -> tuple[Invoices, Baskets]:
    """All invoices of a shop with ``customers`` known customers, and the baskets that their lines are taken from.

    ``hours`` are the moments (micros) at which the hours of the shop's calendar begin, and the end of the last one.
    """
    clock = _shop_clock(hours)
    visits, appetite = _visits(rng, customers, float(clock[-1]))
    baskets = _baskets(rng, visits, appetite, goods, progress or (lambda _done, _all: None), piece)
    return _invoices(rng, customers, visits, clock, hours), baskets


def _shop_clock(hours: Ints) -> Floats:
    """Shop days that have passed at each hour: the knots for interpolating calendar time from shop days."""
    when = pd.DatetimeIndex(hours[:-1].astype("datetime64[us]"))
    busy = MONTHS[when.month - 1] * WEEKDAYS[when.day_of_week] * HOURS[when.hour]
    return np.concatenate([[0.0], np.cumsum(busy)])


def _visits(rng: Generator, customers: int, end: float) -> tuple[Visits, Floats]:
    """All visits between shop days 0 and ``end``, at least one for each known customer; and each customer's appetite.

    All guests share the last appetite.
    """
    is_founder = rng.random(customers) < FOUNDERS
    arrival = np.where(is_founder, min(end, 25.0) * rng.random(customers), end * rng.beta(1.0, 1.5, customers))
    lifetime = rng.exponential(rng.gamma(2.0, 220.0, customers))
    rate = rng.gamma(0.5, 1 / 24, customers)
    gone = np.minimum(arrival + lifetime, end)
    repeats = rng.poisson(rate * (gone - arrival))
    again = np.repeat(np.arange(customers, dtype=np.int32), repeats)
    again_at = rng.uniform(arrival[again], gone[again])
    guests = round((customers + len(again)) * GUESTS / (1 - GUESTS))
    customer = np.concatenate(
        [np.arange(customers, dtype=np.int32), again, np.full(guests, GUEST, dtype=np.int32)], dtype=np.int32
    )
    at = np.concatenate([arrival, again_at, end * rng.random(guests)])

    variety = np.append(rng.lognormal(2.8, 0.5, customers), 12.0)
    appetite = np.append(rng.lognormal(1.5, 0.5, customers), 2.0)
    line_count = 1 + rng.poisson(variety[customer] * rng.gamma(2.0, 0.5, len(customer)))
    return Visits(customer, at, np.cumsum(line_count) - line_count, line_count.astype(np.int32)), appetite


def _baskets(
    rng: Generator, visits: Visits, appetite: Floats, goods: Catalogue, progress: Progress, piece: int
) -> Baskets:
    lines = int(visits.first_line[-1] + visits.line_count[-1])
    product = np.empty(lines, dtype=np.int16)
    for first in range(0, lines, piece):
        end = min(first + piece, lines)
        product[first:end] = rng.choice(len(goods.popularity), end - first, p=goods.popularity)
        progress(end // 2, lines)
    quantity = np.empty(lines, dtype=np.int32)
    cuts = pieces(visits.first_line, lines, piece)
    for visit, next_visit in itertools.pairwise(cuts):
        wanted = np.repeat(appetite[visits.customer[visit:next_visit]], visits.line_count[visit:next_visit])
        first = int(visits.first_line[visit])
        end = first + len(wanted)
        quantity[first:end] = np.ceil(wanted * rng.lognormal(0.0, 1.0, len(wanted)))
        progress((lines + end) // 2, lines)
    return Baskets(product, quantity)


def pieces(first_line: Ints, end: int, size: int) -> list[int]:
    """Where to cut consecutive visits or invoices so that each piece has about ``size`` lines.

    ``first_line`` is the number of the first line of each of them, ascending; ``end`` is the number after the last
    line. The cuts begin with 0 and end with the number of visits or invoices.
    """
    if not len(first_line):
        return [0]
    cuts = np.searchsorted(first_line, np.arange(first_line[0], end, size))
    distinct: list[int] = np.unique(np.append(cuts, len(first_line))).tolist()
    return distinct


def _invoices(rng: Generator, customers: int, visits: Visits, clock: Floats, hours: Ints) -> Invoices:
    """A sale for every visit, and credit notes for some. A lapsed customer only returns older purchases."""
    is_lapsed = np.append(rng.random(customers) < LAPSED, False)[visits.customer]
    regret = np.append(rng.gamma(0.5, RETURNS / 0.5, customers), RETURNS / 4)[visits.customer]
    returns = rng.poisson(np.where(is_lapsed, 0.0, regret))
    returned = np.repeat(np.arange(len(returns), dtype=np.int32), returns)
    returned_at = visits.at[returned] + rng.exponential(12.0, len(returned))
    in_time = returned_at < clock[-1]
    sales, lapsed = (np.flatnonzero(which).astype(np.int32) for which in (~is_lapsed, is_lapsed))

    visit = np.concatenate([sales, lapsed, returned[in_time]])
    shop_at = np.concatenate([visits.at[sales], visits.at[lapsed], returned_at[in_time]])
    is_return = np.arange(len(visit)) >= len(sales)
    bought = visits.line_count[visit]
    line_count = np.where(is_return, np.minimum(bought, rng.geometric(0.45, len(visit))), bought).astype(np.int32)
    first_line = visits.first_line[visit] + rng.integers(0, bought - line_count + 1)
    order = np.argsort(shop_at, kind="stable")
    at = np.interp(shop_at, clock, hours).astype(np.int64) // MINUTE * MINUTE
    return Invoices(visits.customer[visit][order], at[order], is_return[order], first_line[order], line_count[order])
