"""Generates retail transactions that resemble the real dataset, from a seed.

Purchases follow the Pareto/NBD model (Schmittlein, Morrison & Colombo 1987): each customer buys at a random rate during
a random lifetime. Time in that process is measured in *shop days*, which do not pass while the shop is closed and pass
fast in a busy autumn. So a homogeneous Poisson process in shop days is seasonal by the calendar.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from data.datasets.catalogue import Catalogue, catalogue
from data.datasets.cells import DataError
from data.datasets.writers import write
from models.units import MICROS_PER_DAY, Floats, Ints, to_micros

__all__ = ["generate", "write"]

START = datetime(2009, 12, 1, tzinfo=UTC)
FIRST_INVOICE = 489_434
FIRST_CUSTOMER = 12_346
GUEST = -1

# Relative sales by month (January first), by weekday (Monday first; closed on Saturdays), and by hour.
MONTHS = np.array([0.65, 0.75, 0.92, 0.83, 0.95, 0.97, 0.88, 0.83, 1.15, 1.31, 1.75, 1.20])
WEEKDAYS = np.array([1.08, 1.24, 1.25, 1.46, 1.02, 0.0, 0.90])
HOURS = np.array([0] * 7 + [1, 25, 67, 115, 126, 159, 141, 119, 105, 69, 39, 15, 12, 2] + [0] * 3) / 995

COUNTRIES = np.array(["United Kingdom", "Germany", "France", "EIRE", "Netherlands", "Spain", "Belgium", "Norway"])
COUNTRY_SHARES = (0.90, 0.025, 0.02, 0.015, 0.01, 0.01, 0.01, 0.01)

FOUNDERS = 0.16  # of the customers: they buy from the start
LAPSED = 0.01  # of the customers: they only have returns
GUESTS = 0.16  # of the visits
RETURNS = 0.24  # credit notes for each visit
NO_DESCRIPTION = 0.02  # of the guests' lines
TWO_MOMENTS = 0.002  # of the invoices: their lines have two moments

# The real file consists of two yearly exports. The second one repeats the last days of the first.
EXPORT_DAYS = 374
REPEATED_DAYS = 9

_HOUR = MICROS_PER_DAY // 24
_MINUTE = _HOUR // 60


class Visits(NamedTuple):
    """Visits to the shop, one per element: the customer, the time in shop days, and the lines of the baskets."""

    customer: Ints
    at: Floats
    first_line: Ints
    line_count: Ints


class Baskets(NamedTuple):
    """The lines of all visits, one visit after the other: the product and the quantity."""

    product: Ints
    quantity: Ints


class Invoices(NamedTuple):
    """Invoices in order of time: visit, moment (micros), whether it is a return, and the lines of the baskets."""

    visit: Ints
    at: Ints
    is_return: NDArray[np.bool_]
    first_line: Ints
    line_count: Ints


def generate(*, customers: int = 2_000, days: int = 730, seed: int = 7, start: datetime = START) -> pd.DataFrame:
    """Raw rows of a shop with ``customers`` known customers over ``days`` days; equal arguments give equal rows.

    Returns
    -------
    DataFrame
        In the columns and order of :func:`data.datasets.readers.read`.

    Raises
    ------
    DataError
        If ``customers`` is less than 1 or ``days`` is less than 7.
    """
    if customers < 1 or days < 7:
        raise DataError(f"a shop needs at least 1 customer and 7 days; got {customers} customers and {days} days")
    rng = np.random.default_rng(seed)
    first_hour = to_micros(start.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC))
    hours = first_hour + _HOUR * np.arange(days * 24 + 1)
    clock = _shop_clock(hours)
    goods = catalogue(rng)
    visits, baskets = _visits(rng, customers, float(clock[-1]), goods)
    invoices = _invoices(rng, customers, visits, clock, hours)
    return _stack_exports(_rows(rng, visits, baskets, invoices, goods), first_hour)


def _shop_clock(hours: Ints) -> Floats:
    """Shop days that have passed at each hour: the knots for interpolating calendar time from shop days."""
    when = pd.DatetimeIndex(hours[:-1].astype("datetime64[us]"))
    busy = MONTHS[when.month - 1] * WEEKDAYS[when.day_of_week] * HOURS[when.hour]
    return np.concatenate([[0.0], np.cumsum(busy)])


def _visits(rng: Generator, customers: int, end: float, goods: Catalogue) -> tuple[Visits, Baskets]:
    """All visits between shop days 0 and ``end``, at least one for each known customer, with their baskets."""
    is_founder = rng.random(customers) < FOUNDERS
    arrival = np.where(is_founder, min(end, 25.0) * rng.random(customers), end * rng.beta(1.0, 1.5, customers))
    lifetime = rng.exponential(rng.gamma(2.0, 220.0, customers))
    rate = rng.gamma(0.5, 1 / 24, customers)
    gone = np.minimum(arrival + lifetime, end)
    repeats = rng.poisson(rate * (gone - arrival))
    again = np.repeat(np.arange(customers), repeats)
    again_at = rng.uniform(arrival[again], gone[again])
    guests = round((customers + len(again)) * GUESTS / (1 - GUESTS))
    customer = np.concatenate([np.arange(customers), again, np.full(guests, GUEST)])
    at = np.concatenate([arrival, again_at, end * rng.random(guests)])

    # All guests share the last entry of each array.
    variety = np.append(rng.lognormal(2.8, 0.5, customers), 12.0)[customer]
    appetite = np.append(rng.lognormal(1.5, 0.5, customers), 2.0)[customer]
    line_count = 1 + rng.poisson(variety * rng.gamma(2.0, 0.5, len(customer)))
    lines = int(line_count.sum())
    product = rng.choice(len(goods.popularity), lines, p=goods.popularity)
    quantity = np.ceil(np.repeat(appetite, line_count) * rng.lognormal(0.0, 1.0, lines)).astype(np.int64)
    return Visits(customer, at, np.cumsum(line_count) - line_count, line_count), Baskets(product, quantity)


def _invoices(rng: Generator, customers: int, visits: Visits, clock: Floats, hours: Ints) -> Invoices:
    """A sale for every visit, and credit notes for some. A lapsed customer only returns older purchases."""
    is_lapsed = np.append(rng.random(customers) < LAPSED, False)[visits.customer]
    regret = np.append(rng.gamma(0.5, RETURNS / 0.5, customers), RETURNS / 4)[visits.customer]
    returned = np.repeat(np.arange(len(regret)), rng.poisson(np.where(is_lapsed, 0.0, regret)))
    returned_at = visits.at[returned] + rng.exponential(12.0, len(returned))
    in_time = returned_at < clock[-1]
    sales, lapsed = np.flatnonzero(~is_lapsed), np.flatnonzero(is_lapsed)

    visit = np.concatenate([sales, lapsed, returned[in_time]])
    shop_at = np.concatenate([visits.at[sales], visits.at[lapsed], returned_at[in_time]])
    is_return = np.arange(len(visit)) >= len(sales)
    bought = visits.line_count[visit]
    line_count = np.where(is_return, np.minimum(bought, rng.geometric(0.45, len(visit))), bought)
    first_line = visits.first_line[visit] + rng.integers(0, bought - line_count + 1)
    order = np.argsort(shop_at, kind="stable")
    at = np.interp(shop_at, clock, hours).astype(np.int64) // _MINUTE * _MINUTE
    return Invoices(visit[order], at[order], is_return[order], first_line[order], line_count[order])


def _rows(rng: Generator, visits: Visits, baskets: Baskets, invoices: Invoices, goods: Catalogue) -> pd.DataFrame:
    """The lines of every invoice; the column ``at`` holds the invoice's moment in micros."""
    count = len(invoices.visit)
    invoice = np.repeat(np.arange(count), invoices.line_count)
    within = np.arange(len(invoice)) - np.repeat(
        np.cumsum(invoices.line_count) - invoices.line_count, invoices.line_count
    )
    line = invoices.first_line[invoice] + within
    bought = baskets.quantity[line]
    brought_back = np.ceil(bought * rng.random(len(line))).astype(np.int64)
    customer = visits.customer[invoices.visit]
    pause = np.where(rng.random(count) < TWO_MOMENTS, rng.integers(1, 10, count), 0) * _MINUTE
    is_second_half = 2 * within >= invoices.line_count[invoice]
    is_nameless = (customer[invoice] == GUEST) & (rng.random(len(line)) < NO_DESCRIPTION)

    known = customer.max() + 1
    names = pd.array([*(str(FIRST_CUSTOMER + i) for i in range(known)), None], dtype="str")
    countries = pd.array(rng.choice(COUNTRIES, known + 1, p=COUNTRY_SHARES), dtype="str")
    numbers = [
        f"{'C' if is_return else ''}{FIRST_INVOICE + i}" for i, is_return in enumerate(invoices.is_return.tolist())
    ]
    descriptions = pd.array([*goods.descriptions, None], dtype="str")
    at = invoices.at[invoice]
    frame: dict[str, Any] = {
        "invoice": pd.array(numbers, dtype="str").take(invoice),
        "stock_code": pd.array(goods.stock_codes, dtype="str").take(baskets.product[line]),
        "description": descriptions.take(np.where(is_nameless, len(goods.descriptions), baskets.product[line])),
        "quantity": np.where(invoices.is_return[invoice], -brought_back, bought),
        "occurred_at": pd.to_datetime(at + is_second_half * pause[invoice], unit="us", utc=True).as_unit("us"),
        "price_units": goods.price_units[baskets.product[line]],
        "customer": names.take(customer[invoice] % (known + 1)),
        "country": countries.take(customer[invoice] % (known + 1)),
    }
    return pd.DataFrame(frame | {"at": at})


def _stack_exports(rows: pd.DataFrame, first_hour: int) -> pd.DataFrame:
    """Two yearly exports that share some days, one after the other; a single one if the time is too short for two."""
    end = first_hour + EXPORT_DAYS * MICROS_PER_DAY
    earlier = rows[rows["at"] < end].assign(export=0)
    later = rows[rows["at"] >= end - REPEATED_DAYS * MICROS_PER_DAY].assign(export=1)
    is_stacked = len(later) and (later["at"] >= end).any() and earlier["at"].max() - later["at"].min() > MICROS_PER_DAY
    stacked = pd.concat([earlier, later], ignore_index=True) if is_stacked else rows.assign(export=0)
    return stacked.drop(columns="at").assign(row=np.arange(1, len(stacked) + 1))
