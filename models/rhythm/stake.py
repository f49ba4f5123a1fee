"""Money at stake: how much is lost if a customer does not come back, weighted with how likely that is."""

from typing import NamedTuple

import numpy as np

from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import HORIZONS, RhythmModel, p_order, spend_as_customer
from models.units import Floats

#: Whether a customer comes back one day can't be observed; whether they do within this many days can.
DAYS_TO_COME_BACK = HORIZONS[1]


class Stake(NamedTuple):
    """What is at stake with n customers, each of shape (n,).

    Parameters
    ----------
    p_order
        The calibrated probability of an order within the next 90 days.
    yearly_spend
        What the customer would spend within the next year as long as they are alive, in currency units.
    money
        Money at stake: ``yearly_spend`` times the probability of no order within 90 days.
    """

    p_order: Floats
    yearly_spend: Floats
    money: Floats


def at_stake(model: RhythmModel, histories: Histories, spent: Floats, now: int) -> Stake:
    """What is at stake with each customer.

    Parameters
    ----------
    spent
        What the customers have spent so far, net of returns, in currency units; a debt counts as 0.
    now
        In microseconds.
    """
    probability = p_order(model, histories, now, DAYS_TO_COME_BACK)
    spend = spend_as_customer(model, histories, spent, now)
    return Stake(probability, spend, np.asarray(spend * (1 - probability)))
