"""Risk states as their definitions say them, for one customer at a time: no closed form, no arrays, no batches.

A moment is the first whole minute at which a probability has passed its border, found by bisection. The probabilities
are those of docs/predictions.md, in plain floats, and the clock is read off a list of half-months.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from models.rhythm.rhythm_model import RhythmModel

_DAY, _MINUTE = 86_400_000_000, 60_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATES = ("on_rhythm", "due", "overdue", "presumed_lost")
_LOST_WITHIN = 90.0
# Beyond this many days of the clock, nothing is due any more.
_HORIZON = 36_500.0


Milestones = tuple[int | None, int | None, int | None]
#: By version of the rhythm model: searching takes a millisecond.
_KNOWN: dict[tuple[str, "Sales"], Milestones] = {}


class ExpectedRiskChange(NamedTuple):
    """A risk change as everything that stores or publishes it must have it."""

    customer: str
    sequence: int
    from_state: str | None
    to_state: str | None
    cause: str
    effective_at: int
    frequency: int
    last_purchase_at: int | None
    next_state: str | None
    next_at: int | None
    rhythm_version: str | None
    transaction: str | None


class ExpectedRiskState(NamedTuple):
    """What must be stored of a customer's risk state."""

    customer: str
    state: str | None
    since: int
    sequence: int
    next_at: int | None
    rhythm_version: str | None


class Sales(NamedTuple):
    """The orders of a customer as far as risk states depend on them."""

    first: int
    last: int
    number: int


class CustomerRisk:
    """Follows the risk state of one customer."""

    def __init__(self, customer: str) -> None:
        self._customer = customer
        self._rhythm: RhythmModel | None = None
        self._sales: Sales | None = None
        self._state: str | None = None
        self._reached = 0
        self.changes: list[ExpectedRiskChange] = []

    def enter(
        self, rhythm: RhythmModel | None, sales: Sales | None, moment: int, cause: str, transaction: str | None
    ) -> None:
        """Orders, or a rhythm model, that count from a moment on; all silence until then has passed."""
        self._rhythm, self._sales, self._reached = rhythm, sales, moment
        state = None
        if self._milestones:
            state = _STATES[sum(milestone is not None and milestone <= moment for milestone in self._milestones)]
        if state != self._state:
            first = self._state is None and cause == "purchase"
            self._write(state, "first_purchase" if first else cause, moment, transaction)

    def let_time_pass(self, until: int) -> None:
        """Silence up to a moment."""
        while (following := self._following())[1] is not None and following[1] <= until:
            self._reached = following[1]
            self._write(following[0], "silence", following[1], None)
        self._reached = max(self._reached, until)

    @property
    def row(self) -> ExpectedRiskState | None:
        """What must be stored; None if the customer has never had a risk state."""
        if not self.changes:
            return None
        version = None if self._rhythm is None else self._rhythm.version
        since, sequence = self.changes[-1].effective_at, len(self.changes)
        return ExpectedRiskState(self._customer, self._state, since, sequence, self._following()[1], version)

    @property
    def _milestones(self) -> Milestones | tuple[()]:
        if self._rhythm is None or self._sales is None:
            return ()
        key = self._rhythm.version, self._sales
        if key not in _KNOWN:
            _KNOWN[key] = milestones(self._rhythm, self._sales)
        return _KNOWN[key]

    def _following(self) -> tuple[str | None, int | None]:
        ahead = [each for each in self._milestones if each is not None and each > self._reached]
        if not ahead:
            return None, None
        at = min(ahead)
        return _STATES[sum(each is not None and each <= at for each in self._milestones)], at

    def _write(self, state: str | None, cause: str, moment: int, transaction: str | None) -> None:
        sales = self._sales
        self.changes.append(
            ExpectedRiskChange(
                self._customer,
                len(self.changes) + 1,
                self._state,
                state,
                cause,
                moment,
                0 if sales is None else sales.number,
                None if sales is None else sales.last,
                *self._following(),
                None if self._rhythm is None else self._rhythm.version,
                transaction,
            )
        )
        self._state = state


def milestones(rhythm: RhythmModel, sales: Sales) -> Milestones:
    """The minutes from which a silent customer is due, overdue and presumed lost; None is never."""
    r, alpha, a, b = rhythm.buying.r, rhythm.buying.alpha, rhythm.buying.a, rhythm.buying.b
    line, x = rhythm.calibrations.within_90_days, sales.number - 1
    t_x = _clock(rhythm, sales.last) - _clock(rhythm, sales.first)

    def have_ordered(silence: float) -> float:
        return 1 - math.pow((alpha + t_x) / (alpha + t_x + silence), r + x)

    def order_soon(silence: float) -> float:
        odds_gone = a / (b + x) * math.pow((alpha + t_x + silence) / (alpha + t_x), r + x)
        waiting = 1 - math.pow((alpha + t_x + silence) / (alpha + t_x + silence + _LOST_WITHIN), r + x)
        p = waiting / (1 + odds_gone)
        return 1 / (1 + math.exp(-(line.shift + line.slope * math.log(p / (1 - p)))))

    due = _first_minute(rhythm, sales.last, lambda silence: have_ordered(silence) >= 0.5)
    overdue = _first_minute(rhythm, sales.last, lambda silence: have_ordered(silence) >= 0.9)
    lost = _first_minute(rhythm, sales.last, lambda silence: order_soon(silence) <= rhythm.lost_below)
    lost = None if due is None or lost is None else max(lost, due)
    overdue = lost if overdue is None else overdue if lost is None else min(overdue, lost)
    return due, overdue, lost


def _first_minute(rhythm: RhythmModel, last: int, is_true: Callable[[float], bool]) -> int | None:
    """The first whole minute, not before the last order, at which something is true of the days of silence."""
    begin = _clock(rhythm, last)
    low, high = -(-last // _MINUTE) - 1, (last + 80_000 * _DAY) // _MINUTE
    while high - low > 1:
        middle = (low + high) // 2
        silence = _clock(rhythm, middle * _MINUTE) - begin
        low, high = (low, middle) if silence > _HORIZON or is_true(silence) else (middle, high)
    return None if _clock(rhythm, high * _MINUTE) - begin > _HORIZON else high * _MINUTE


def _clock(rhythm: RhythmModel, moment: int) -> float:
    """Days of the seasonal clock from 1970 to a moment."""
    starts, elapsed = _half_months(rhythm.clock.rates)
    place = bisect_right(starts, moment) - 1
    return elapsed[place] + (moment - starts[place]) / _DAY * rhythm.clock.rates[place % 24]


@lru_cache(100)
def _half_months(rates: tuple[float, ...]) -> tuple[list[int], list[float]]:
    """The begins of all half-months from 1970 to 2200 in micros, and the days of the clock until each."""
    starts = [
        round((datetime(year, month, day, tzinfo=UTC) - _EPOCH).total_seconds()) * 1_000_000
        for year in range(1970, 2201)
        for month in range(1, 13)
        for day in (1, 16)
    ]
    elapsed = [0.0]
    for place, (start, end) in enumerate(pairwise(starts)):
        elapsed.append(elapsed[-1] + (end - start) / _DAY * rates[place % 24])
    return starts, elapsed
