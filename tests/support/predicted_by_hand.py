"""Predicted against actual by loops over messages and the formulas of docs/predictions.md, with no code of Segue's.

The rhythm model has no seasons, so its days are those of the calendar.
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from models.rhythm.rhythm_model import RhythmModel
from tests.support.last_revisions import last_revisions

DAY = timedelta(days=1)


class PastCustomer(NamedTuple):
    """A customer at a moment: first and last order, their number, and whether another one came in the days after it."""

    first: datetime
    last: datetime
    orders: int
    came: bool


class ByHand(NamedTuple):
    """The number of customers, the sum of their probabilities, and how many ordered."""

    customers: int
    predicted: float
    ordered: int


def past_customers(sent: Iterable[object], begin: datetime, end: datetime) -> dict[str, PastCustomer]:
    """Everybody who had ordered by ``begin``; the days after it end with ``end``."""
    moments: dict[str, list[datetime]] = {}
    for each in last_revisions(sent):
        if each.kind == "sale":
            moments.setdefault(each.customer_id, []).append(each.occurred_at)
    found = {}
    for customer, all_of_them in moments.items():
        before = [moment for moment in all_of_them if moment <= begin]
        if before:
            came = any(begin < moment <= end for moment in all_of_them)
            found[customer] = PastCustomer(min(before), max(before), len(before), came)
    return found


def by_hand(rhythm: RhythmModel, sent: Iterable[object], begin: datetime, days: int) -> ByHand:
    """What the model predicted at ``begin``, and what happened."""
    found = past_customers(sent, begin, begin + days * DAY).values()
    predicted = sum(probability(rhythm, each, begin, days) for each in found)
    return ByHand(len(found), predicted, sum(each.came for each in found))


def probability(rhythm: RhythmModel, customer: PastCustomer, now: datetime, days: int) -> float:
    """The calibrated probability that a customer orders within this many days."""
    r, alpha, a, b = rhythm.buying.r, rhythm.buying.alpha, rhythm.buying.a, rhythm.buying.b
    x, t_x, age = customer.orders - 1, (customer.last - customer.first) / DAY, (now - customer.first) / DAY
    odds_gone = a / (b + x) * ((alpha + age) / (alpha + t_x)) ** (r + x)
    p = (1 - ((alpha + age) / (alpha + age + days)) ** (r + x)) / (1 + odds_gone)
    line = rhythm.calibrations.within_30_days if days == 30 else rhythm.calibrations.within_90_days
    return 1 / (1 + math.exp(-(line.shift + line.slope * math.log(p / (1 - p)))))
