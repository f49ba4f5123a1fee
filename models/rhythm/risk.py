"""Risk states: the exact moments at which a silent customer is due, overdue and presumed lost.

- ``due``: half of such customers would have ordered again by now, if they are customers at all.
- ``overdue``: nine in ten would have.
- ``presumed_lost``: P(orders within 90 days of the average season) has fallen to a border.

The states come in this order. Each moment is known at the last order and can be stored with the customer, as decay is;
a tick that reaches it makes it true, and the next order makes it void. The moment is the definition: nobody computes a
probability in order to decide a state.

Every moment is rounded up to the whole minute. Two machines may compute a logarithm with another last bit, and what the
worker publishes may not depend on the machine.
"""

from typing import Literal, NamedTuple, get_args

import numpy as np

from models.rhythm.buying import Buying
from models.rhythm.histories import Histories, at_last_order
from models.rhythm.next_order import silence_until_order_is, wait_quantile
from models.rhythm.seasonal_clock import NEVER, SeasonalClock
from models.units import Floats, Ints

RiskState = Literal["on_rhythm", "due", "overdue", "presumed_lost"]
#: In the order in which a silent customer goes through them.
RISK_STATES: tuple[RiskState, ...] = get_args(RiskState)
#: The number of the state of a customer who has no order, or whom no rhythm model knows.
NO_STATE = -1
#: Microseconds.
MINUTE = 60_000_000

#: The shares are those that the states are defined by; "How the settings were chosen" in docs/predictions.md compares
#: others.
DUE_SHARE = 0.5
OVERDUE_SHARE = 0.9
#: Days, on the seasonal clock, within which a customer who is not lost orders with more than a small probability.
LOST_WITHIN_DAYS = 90.0


class Milestones(NamedTuple):
    """Moments in microseconds, each of shape (n,), in this order; ``NEVER`` for what is too far ahead to matter.

    They are whole minutes.
    """

    due_at: Ints
    overdue_at: Ints
    lost_at: Ints


class Following(NamedTuple):
    """The state that n customers get next unless an order comes first, and the moment in microseconds.

    :data:`NO_STATE` and ``NEVER`` for those who stay in their state.
    """

    state: Ints
    at: Ints


def milestones(buying: Buying, clock: SeasonalClock, histories: Histories, lost_below: float) -> Milestones:
    """The moments at which each customer changes the risk state, unless an order comes first.

    Parameters
    ----------
    lost_below
        The border of P(orders within 90 days), before calibration.

    Returns
    -------
    Milestones
        Never before the last order. No customer is lost before being due. One who is lost before being overdue is
        never overdue, so both moments are the same.
    """
    seen = at_last_order(histories, clock)
    due = wait_quantile(buying, seen, DUE_SHARE)
    lost = np.maximum(silence_until_order_is(buying, seen.x, seen.t_x, LOST_WITHIN_DAYS, lost_below), due)
    overdue = np.minimum(wait_quantile(buying, seen, OVERDUE_SHARE), lost)
    return Milestones(*(_after(clock, histories.last_at, silence) for silence in (due, overdue, lost)))


def due_moments(buying: Buying, clock: SeasonalClock, histories: Histories) -> Ints:
    """:attr:`Milestones.due_at` alone, which has a closed form: a tenth of the work of all three."""
    return _after(clock, histories.last_at, wait_quantile(buying, at_last_order(histories, clock), DUE_SHARE))


def _after(clock: SeasonalClock, begin: Ints, silence: Floats) -> Ints:
    moments = clock.after(begin, silence)
    comes = moments < NEVER
    return np.where(comes, -(-np.where(comes, moments, 0) // MINUTE) * MINUTE, NEVER)


def following(found: Milestones, moment: Ints) -> Following:
    """What each customer's silence leads to next, seen from a moment of each. States that last no time are left out."""
    at = np.full(len(moment), NEVER)
    for milestone in reversed(found):
        at = np.where(milestone > moment, milestone, at)
    return Following(np.where(at < NEVER, risk_state(found, at), NO_STATE), at)


def risk_state(found: Milestones, now: Ints | int) -> Ints:
    """The number of each customer's state in :data:`RISK_STATES` at a moment that is not before the last order."""
    reached = (now >= found.due_at, now >= found.overdue_at, now >= found.lost_at)
    return np.asarray(sum(part.astype(np.int64) for part in map(np.asarray, reached)))
