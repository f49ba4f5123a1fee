"""One customer against their own rhythm, from many or from a stored profile. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from dashboard.shared.profiles import Profile
from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.rhythms import Rhythms, gaps, rhythms
from models.rhythm.risk import RISK_STATES, RiskState
from models.rhythm.seasonal_clock import NEVER
from models.scoring import net_spend
from models.units import MICROS_PER_DAY, Floats, from_micros, to_micros


@dataclass(frozen=True)
class OwnRhythm:
    """One customer against the own rhythm.

    Parameters
    ----------
    gap_days
        The usual gap: mean days between orders; None with a single order.
    silent_days
        Days since the last order.
    since
        When the state began.
    following
        The next state and when it begins, if no order comes first; None if there is none or it never begins.
    p_order
        The probability of an order within 90 days.
    yearly_spend, at_stake
        In currency units, as in :class:`models.rhythm.stake.Stake`.
    """

    orders: int
    gap_days: float | None
    silent_days: float
    state: RiskState
    since: datetime
    following: tuple[RiskState, datetime] | None
    p_order: float
    yearly_spend: float
    at_stake: float


def own_rhythm(histories: Histories, found: Rhythms, row: int, now: int) -> OwnRhythm:
    """One of these customers."""
    begins = [int(histories.last_at[row]), *(int(moment[row]) for moment in found.moments)]
    number = int(found.state[row])
    gap = float(gaps(Histories(*(part[row : row + 1] for part in histories)))[0])
    return OwnRhythm(
        orders=int(histories.orders[row]),
        gap_days=None if np.isnan(gap) else gap,
        silent_days=max(now - begins[0], 0) / MICROS_PER_DAY,
        state=RISK_STATES[number],
        since=from_micros(begins[number]),
        following=_following(begins, number),
        p_order=float(found.stake.p_order[row]),
        yearly_spend=float(found.stake.yearly_spend[row]),
        at_stake=float(found.stake.money[row]),
    )


class OneHistory(NamedTuple):
    """The orders of one customer, and the spend net of returns in currency units: both of shape (1,)."""

    histories: Histories
    spent: Floats


def one_history(profile: Profile) -> OneHistory | None:
    """The orders of a profile; None without one."""
    if not profile.frequency or profile.first_purchase_at is None or profile.last_purchase_at is None:
        return None
    first, last = to_micros(profile.first_purchase_at), to_micros(profile.last_purchase_at)
    histories = Histories(np.array([first]), np.array([last]), np.array([profile.frequency]))
    return OneHistory(histories, np.array([float(net_spend(profile.gross, profile.returned))]))


def of_profile(model: RhythmModel, profile: Profile, event_time: datetime) -> OwnRhythm | None:
    """A profile at event time; None without an order."""
    one = one_history(profile)
    if one is None:
        return None
    now = to_micros(event_time)
    return own_rhythm(one.histories, rhythms(model, *one, now), 0, now)


def _following(begins: list[int], number: int) -> tuple[RiskState, datetime] | None:
    """The next state that a silent customer is really in for a while: one who is lost at once is never overdue."""
    for later in range(number + 1, len(begins)):
        lasts = later + 1 == len(begins) or begins[later + 1] > begins[later]
        if lasts:
            return None if begins[later] == NEVER else (RISK_STATES[later], from_micros(begins[later]))
    return None
