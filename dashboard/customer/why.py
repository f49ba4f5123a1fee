"""Why a customer is in a segment, and what would move them: the orders behind R, F and M, and goal seek. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd

from dashboard.shared.foresight import moves_ahead, with_purchase
from dashboard.shared.personas import is_climb
from dashboard.shared.profiles import Profile
from data.postgres.counted import Counted
from models.decay import NEVER, next_change
from models.goal_seek import smallest_purchases
from models.scoring import monetary_value
from models.segment_model import SegmentModel
from models.units import MONEY_UNITS, from_money_units, to_money_units
from runtime.money import Money

#: How many of the largest orders are named.
LARGEST = 3


class ShownOrder(NamedTuple):
    """An order behind the numbers."""

    transaction_id: str
    occurred_at: datetime
    amount: Decimal


class Goal(NamedTuple):
    """The smallest purchase into a segment; ``stays_days`` is how long they stay there without another one, or None."""

    segment: str
    amount: Decimal
    is_any: bool
    stays_days: int | None


@dataclass(frozen=True)
class SegmentReason:
    """What decides a customer's segment.

    Parameters
    ----------
    last
        The last purchase; None without one.
    largest
        The largest purchases that count, the largest first; of a customer with very many orders, the largest of the
        newest.
    gross, returned
        Money of all purchases and of all returns that count.
    smallest
        What a purchase of the least amount leads to; None if the customer is not scored by this model.
    goals
        The smallest purchase into each better segment that one purchase can reach, the smallest first. Of a customer
        without a segment, into any segment.
    """

    last: ShownOrder | None
    largest: tuple[ShownOrder, ...]
    gross: Decimal
    returned: Decimal
    smallest: Goal | None
    goals: tuple[Goal, ...]


def why(
    found: Profile, counted: Counted, ledger: pd.DataFrame, model: SegmentModel, now: datetime, money: Money
) -> SegmentReason:
    """What decides the segment of a profile, and the purchases that would move the customer up.

    Parameters
    ----------
    counted
        What the model counts of the profile.
    ledger
        As :func:`dashboard.customer.queries.ledger` returns it.
    now
        The moment of the page; not before the last transaction.
    """
    sales = ledger[ledger["kind"] == "sale"]
    inside = sales
    if model.window_days is not None:
        inside = sales[sales["occurred_at"] > now - timedelta(days=model.window_days)]
    largest = inside.sort_values(["amount", "occurred_at"], ascending=[False, True]).head(LARGEST)
    orders = _orders(sales.tail(1))
    goals = _goals(found, counted, ledger, model, now, money)
    current = found.segment
    better = [goal for goal in goals if current is None or is_climb(current, goal.segment)]
    smallest = next((goal for goal in goals if goal.is_any), None)
    return SegmentReason(
        last=orders[0] if orders else None,
        largest=tuple(_orders(largest)),
        gross=counted.gross,
        returned=counted.returned,
        smallest=smallest,
        goals=tuple(better),
    )


def _orders(rows: pd.DataFrame) -> list[ShownOrder]:
    columns = (rows[name].tolist() for name in ShownOrder._fields)
    return [ShownOrder(*cells) for cells in zip(*columns, strict=True)]


def _goals(
    found: Profile, counted: Counted, ledger: pd.DataFrame, model: SegmentModel, now: datetime, money: Money
) -> list[Goal]:
    """The smallest purchase into each segment, the smallest first; none for a customer of another model."""
    if found.model_version != model.version:
        return []
    gross, returned = to_money_units(counted.gross), to_money_units(counted.returned)
    step = int(money.smallest * MONEY_UNITS)
    amounts = smallest_purchases(model, counted.frequency, gross, returned, step)
    return [
        Goal(
            model.segments[number].id,
            from_money_units(amount),
            amount == step,
            _stays(model, number, counted.frequency + 1, gross + amount, returned)
            if model.window_days is None
            else _stays_in_window(model, ledger, from_money_units(amount), now),
        )
        for number, amount in sorted(amounts.items(), key=lambda pair: pair[1])
    ]


def _stays(model: SegmentModel, number: int, frequency: int, gross: int, returned: int) -> int | None:
    """How many days a customer stays in a segment after a purchase; None means permanently."""
    spent = monetary_value(model, np.array([gross]), np.array([returned]))
    change = next_change(model, np.array([number]), np.array([0]), np.array([frequency]), spent)
    days = int(change.recency_days[0])
    return None if days == NEVER else days


def _stays_in_window(model: SegmentModel, ledger: pd.DataFrame, amount: Decimal, now: datetime) -> int | None:
    """The same under a model with a window, which orders leave one by one."""
    ahead = moves_ahead(model, with_purchase(ledger, amount, now), now)
    return (ahead[0].at - now).days if ahead else None
