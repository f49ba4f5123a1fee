"""Customers against their own rhythm at a moment: the risk state, since when, and what is at stake."""

from typing import NamedTuple

import numpy as np

from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import RhythmModel, risk_moments
from models.rhythm.risk import Milestones, risk_state
from models.rhythm.seasonal_clock import KNOTS
from models.rhythm.stake import Stake, at_stake
from models.units import MICROS_PER_DAY, Floats, Ints

#: The first and the last moment that a seasonal clock knows.
EARLIEST, LATEST = int(KNOTS[0]), int(KNOTS[-1]) - 1


class Rhythms(NamedTuple):
    """n customers at a moment: when they change their risk state, the number of their state, and what is at stake."""

    moments: Milestones
    state: Ints
    stake: Stake


def rhythms(model: RhythmModel, histories: Histories, spent: Floats, now: int) -> Rhythms:
    """All customers at a moment in microseconds; ``spent`` is net of returns, in currency units."""
    known = within_the_clock(histories)
    now = min(max(now, EARLIEST), LATEST)
    moments = risk_moments(model, known)
    return Rhythms(moments, risk_state(moments, now), at_stake(model, known, spent, now))


def within_the_clock(histories: Histories) -> Histories:
    """The same histories, with dates that a seasonal clock knows."""
    first, last = (np.clip(part, EARLIEST, LATEST) for part in (histories.first_at, histories.last_at))
    return Histories(first, np.maximum(first, last), histories.orders)


def since(histories: Histories, found: Rhythms) -> Ints:
    """When each customer's risk state began, in microseconds, shape (n,)."""
    begins = np.stack([histories.last_at, *found.moments])
    return np.asarray(np.take_along_axis(begins, found.state[None], axis=0)[0])


def gaps(histories: Histories) -> Floats:
    """The usual gap of each customer: mean days between orders; NaN with a single order."""
    between = (histories.last_at - histories.first_at) / MICROS_PER_DAY
    return np.where(histories.orders > 1, between / np.maximum(histories.orders - 1, 1), np.nan)
