"""Whether the list "At risk" misses any customer: good ones who are silent for long, and where they are in it."""

from datetime import datetime
from typing import NamedTuple

import numpy as np

from batch.dataset_frames import orders_of, profiles_of
from batch.fit import fit
from batch.fit_predictions import fit_predictions
from batch.order_book import customers_at, order_book, orders_between
from batch.profiles import features
from data.datasets.dataset import Dataset
from models.rhythm.rhythm_model import RhythmModel, risk_moments
from models.rhythm.risk import RISK_STATES, RiskState, risk_state
from models.rhythm.stake import DAYS_TO_COME_BACK, at_stake
from models.scoring import assign
from models.units import MICROS_PER_DAY, to_micros


class Silent(NamedTuple):
    """A good customer who is silent for several times the usual gap.

    Parameters
    ----------
    rank
        The place in the list of all customers by money at stake, from 1.
    gap_days, silent_days
        The mean gap between orders, and whole days since the last one.
    came_back
        Whether there was an order within the 90 days that followed.
    """

    rank: int
    customer_id: str
    orders: int
    gap_days: float
    silent_days: int
    spent: float
    at_stake: float
    p_order: float
    state: RiskState
    came_back: bool


class RiskEvidence(NamedTuple):
    """The number of customers in the list and in the segment, and those in it who are silent for long, by rank."""

    customers: int
    in_segment: int
    silent: list[Silent]


def silent_customers(
    dataset: Dataset, fitted: datetime, now: datetime, *, segment: str = "champions", times: float = 4.0
) -> RiskEvidence:
    """The customers of a segment who are silent for more than this many times their usual gap.

    Parameters
    ----------
    fitted
        Segments are those of a model of five segments that was fitted on what happened before, without rank order.
    now
        The moment of the list; the rhythm model is fitted on what happened before.

    Raises
    ------
    ValueError
        If no rhythm model can be fitted.
    """
    moment = to_micros(now)
    rhythm = _rhythm(dataset, now)
    profiles, segments = profiles_of(dataset, now), fit(profiles_of(dataset, fitted), k=5).model
    table = features(profiles, segments.monetary).to_numpy()
    inside = assign(segments, *table.T) == segments.index[segment]
    book = order_book(dataset.transactions)
    customers = customers_at(book, moment)
    histories = customers.histories
    gap = (histories.last_at - histories.first_at) / np.maximum(histories.orders - 1, 1) / MICROS_PER_DAY
    silent = (moment - histories.last_at) // MICROS_PER_DAY
    stake = at_stake(rhythm, histories, customers.spent, moment)
    state = risk_state(risk_moments(rhythm, histories), moment)
    later = orders_between(book, moment, moment + DAYS_TO_COME_BACK * MICROS_PER_DAY)[0][customers.customer]
    by_stake = np.argsort(-stake.money, kind="stable")
    meant = inside & (histories.orders > 1) & (silent > times * gap)
    found = [
        Silent(
            *(rank, book.customer_ids[customers.customer[row]], int(histories.orders[row]), float(gap[row])),
            *(int(silent[row]), float(customers.spent[row]), float(stake.money[row]), float(stake.p_order[row])),
            *(RISK_STATES[state[row]], bool(later[row])),
        )
        for rank, row in enumerate(by_stake.tolist(), start=1)
        if meant[row]
    ]
    return RiskEvidence(len(by_stake), int(inside.sum()), found)


def _rhythm(dataset: Dataset, now: datetime) -> RhythmModel:
    fitted = fit_predictions(orders_of(dataset, now, len(dataset.transactions)), now)
    if fitted.model is None:
        raise ValueError(fitted.reason)
    return fitted.model
