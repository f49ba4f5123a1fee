"""A clock that runs faster in busy seasons, so that orders come at a steady rate on it.

The year has 24 half-months (from the 1st and from the 16th of each month), and every half-month has a rate. A day of a
half-month with rate 1.5 is worth one and a half days of the clock. Models of buying assume a steady rate; on this clock
the assumption holds better: three silent weeks before Christmas mean more than three silent weeks in August.

The clock is piecewise linear and strictly increasing, so a duration on it turns into an exact moment and back.
"""

from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from msgspec import Struct

from models.units import MICROS_PER_DAY, Floats, Ints, to_micros

HALF_MONTHS = 24
_FIRST_YEAR, _END_YEAR = 1900, 2300

#: Begin of every half-month from 1900 to 2299, and the end of the last one, in microseconds.
KNOTS: Ints = np.array(
    [
        to_micros(datetime(year, month, day, tzinfo=UTC))
        for year in range(_FIRST_YEAR, _END_YEAR)
        for month in range(1, 13)
        for day in (1, 16)
    ]
    + [to_micros(datetime(_END_YEAR, 1, 1, tzinfo=UTC))],
    dtype=np.int64,
)
_FIRST_DAY = int(KNOTS[0]) // MICROS_PER_DAY
#: The index of the half-month of every day from 1900 to 2299.
_CELL_OF_DAY: Ints = np.repeat(np.arange(len(KNOTS) - 1), np.diff(KNOTS) // MICROS_PER_DAY)
#: A moment that never comes.
NEVER = np.iinfo(np.int64).max
#: What is due more than this many days of the clock after an order is due never.
HORIZON_DAYS = 36_500.0


class SeasonalClock(Struct, frozen=True, dict=True):
    """A clock with one rate for each half-month of the year.

    Parameters
    ----------
    rates
        24 positive numbers, from the first half of January on. A rate of 1 is that of an ordinary calendar.

    Examples
    --------
    >>> from models.units import MICROS_PER_DAY
    >>> double = SeasonalClock((2.0,) * 24)
    >>> double.between(np.array([0]), np.array([3 * MICROS_PER_DAY])).tolist()
    [6.0]
    """

    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse rates of which no clock can be made."""
        usable = np.isfinite(self.rates) & (np.array(self.rates) > 0)
        if len(self.rates) != HALF_MONTHS or not usable.all():
            raise ValueError(f"a seasonal clock needs {HALF_MONTHS} rates above 0")

    @cached_property
    def _at_knots(self) -> Floats:
        lengths = np.diff(KNOTS) / MICROS_PER_DAY
        elapsed = np.cumsum(lengths * self._in_cells)
        return np.asarray(np.concatenate([[0.0], elapsed]) - elapsed[_before_epoch() - 1], dtype=np.float64)

    @cached_property
    def _in_cells(self) -> Floats:
        """The rate of every half-month from 1900 to 2299."""
        return np.tile(self.rates, len(KNOTS) // HALF_MONTHS)

    def at(self, moments: Ints) -> Floats:
        """Days of the clock since 1970, for moments in microseconds from 1900 to 2299."""
        cell = half_month_cells(moments)
        into = (np.asarray(moments, dtype=np.int64) - KNOTS[cell]) / MICROS_PER_DAY
        # The sum is rounded, and so is the begin of the next half-month: without the bound, the sum can be past it.
        days = self._at_knots[cell] + into * self._in_cells[cell]
        return np.asarray(np.minimum(days, self._at_knots[cell + 1]))

    def between(self, begin: Ints, end: Ints) -> Floats:
        """Days of the clock from one moment to another."""
        return self.at(end) - self.at(begin)

    def after(self, begin: Ints, days: Floats) -> Ints:
        """The moment that is this many days of the clock after another one, to the nearest microsecond.

        ``NEVER`` where ``days`` is not finite, is beyond :data:`HORIZON_DAYS`, or leads past the year 2299.
        """
        start = np.asarray(begin, dtype=np.int64)
        comes = np.asarray(days <= HORIZON_DAYS)
        target = self.at(start) + np.where(comes, days, 0.0)
        comes = comes & (target < self._at_knots[-1])
        cell = np.clip(np.searchsorted(self._at_knots, target, side="right") - 1, 0, len(KNOTS) - 2)
        into = (target - self._at_knots[cell]) / self._in_cells[cell]
        moment = np.minimum(KNOTS[cell] + np.rint(into * MICROS_PER_DAY).astype(np.int64), KNOTS[cell + 1])
        return np.where(comes, np.maximum(moment, start), NEVER)


def half_month_cells(moments: Ints) -> Ints:
    """The index into :data:`KNOTS` of each moment's half-month; modulo 24 it is the half-month of the year.

    Raises
    ------
    ValueError
        If a moment is not between 1900 and 2299.
    """
    # A look-up by day takes a fraction of the time of a search among all knots.
    day = np.asarray(moments, dtype=np.int64) // MICROS_PER_DAY - _FIRST_DAY
    if day.size and (day.min() < 0 or day.max() >= len(_CELL_OF_DAY)):
        raise ValueError(f"a seasonal clock covers the years {_FIRST_YEAR} to {_END_YEAR - 1}")
    return np.asarray(_CELL_OF_DAY[day], dtype=np.int64)


def overlaps(begin: Ints, end: Ints) -> Floats:
    """Days of each half-month of the year between two moments, shape (n, 24): the derivative of the clock by its rates.

    >>> overlaps(np.array([0]), np.array([20 * MICROS_PER_DAY]))[0, :3].tolist()
    [15.0, 5.0, 0.0]
    """
    return _elapsed(end) - _elapsed(begin)


def _elapsed(moments: Ints) -> Floats:
    """Days of each half-month of the year since 1900, shape (n, 24)."""
    cell = half_month_cells(moments)
    lengths = (np.diff(KNOTS) / MICROS_PER_DAY).reshape(-1, HALF_MONTHS)
    years = np.concatenate([np.zeros((1, HALF_MONTHS)), np.cumsum(lengths, axis=0)])
    year, half_month = cell // HALF_MONTHS, cell % HALF_MONTHS
    complete = np.where(np.arange(HALF_MONTHS) < half_month[:, None], lengths[year], 0.0)
    total = years[year] + complete
    total[np.arange(len(cell)), half_month] += (np.asarray(moments, dtype=np.int64) - KNOTS[cell]) / MICROS_PER_DAY
    return np.asarray(total)


def _before_epoch() -> int:
    return int(np.searchsorted(KNOTS, 0))


#: The clock without seasons: a day of the clock is a day.
CALENDAR = SeasonalClock((1.0,) * HALF_MONTHS)
