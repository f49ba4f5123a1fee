"""Predictions against what happened: rhythm models on quarters of a dataset, each fitted on the time before it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from batch.fit_rhythm import fit_rhythm
from batch.order_book import CustomersAt, OrderBook, customers_at, orders_between, spent_between
from models.rhythm.histories import Histories, observed
from models.rhythm.next_order import p_wait_within
from models.rhythm.prediction_check import tenths
from models.rhythm.rhythm_model import DAYS_OF_A_YEAR, RhythmModel, expected_spend, p_order, risk_moments
from models.rhythm.risk import RISK_STATES, RiskState, risk_state
from models.units import MICROS_PER_DAY, Floats, Ints

QUARTER = 90


class Quarter(NamedTuple):
    """A model fitted on everything up to ``begin``, and what its customers did in the quarter that followed.

    Parameters
    ----------
    probability
        Shape (n,): the predicted probability of an order in the quarter.
    ordered
        Shape (n,): 1 where there was one.
    first_order
        Shape (n,): its moment, or -1.
    """

    begin: int
    model: RhythmModel
    customers: CustomersAt
    probability: Floats
    ordered: Floats
    first_order: Ints

    @property
    def end(self) -> int:
        """The end of the quarter."""
        return self.begin + QUARTER * MICROS_PER_DAY

    @property
    def auc(self) -> float:
        """How often a customer who ordered had a higher probability than one who did not."""
        return float(roc_auc_score(self.ordered, self.probability))


class TenthMeans(NamedTuple):
    """The mean prediction of a tenth of all customers, and the share of them that ordered."""

    predicted: float
    actual: float


class StateOutcome(NamedTuple):
    """Customers in a risk state at the begin of a quarter, what they had spent, and their share that ordered in it."""

    state: RiskState
    customers: int
    spent: float
    ordered: float


def rolling_quarters(book: OrderBook, count: int, *, seasons: bool = True, calibrate: bool = True) -> Iterator[Quarter]:
    """The last quarters of 90 days of a dataset, oldest first; no prediction knows an order of its quarter."""
    end = int(book.moment.max())
    for number in range(count, 0, -1):
        yield quarter(book, end - number * QUARTER * MICROS_PER_DAY, seasons=seasons, calibrate=calibrate)


def quarter(book: OrderBook, begin: int, *, seasons: bool = True, calibrate: bool = True) -> Quarter:
    """Fit on everything up to ``begin``, predict the following 90 days, and look at them."""
    model = fit_rhythm(book, begin, seasons=seasons, calibrate=calibrate)
    customers = customers_at(book, begin)
    probability = p_order(model, customers.histories, begin, QUARTER)
    count, first = orders_between(book, begin, begin + QUARTER * MICROS_PER_DAY)
    ordered = (count[customers.customer] > 0).astype(np.float64)
    return Quarter(begin, model, customers, probability, ordered, first[customers.customer])


def tenth_means(predicted: Floats, actual: Floats) -> list[TenthMeans]:
    """Tenths of the customers by prediction, lowest first."""
    return [TenthMeans(float(predicted[part].mean()), float(actual[part].mean())) for part in tenths(predicted)]


def largest_difference(found: list[TenthMeans]) -> float:
    """The largest difference of prediction and outcome among the tenths."""
    return max(abs(each.predicted - each.actual) for each in found)


def chance_difference(probability: Floats, *, draws: int = 400, seed: int = 1) -> tuple[float, float]:
    """The largest difference among tenths if every probability were true: its median and its 95 % quantile."""
    rng = np.random.default_rng(seed)
    found = [
        largest_difference(tenth_means(probability, (rng.random(len(probability)) < probability).astype(np.float64)))
        for _ in range(draws)
    ]
    return float(np.median(found)), float(np.quantile(found, 0.95))


def interval_coverage(found: Quarter, share: float) -> float:
    """How many of the customers who ordered in a quarter did so within the middle ``share`` of the predicted wait.

    The prediction is the wait's distribution, given that it ends within the quarter: a longer wait can't be observed.
    """
    came = found.first_order >= 0
    histories = Histories(*(part[came] for part in found.customers.histories))
    seen = observed(histories, found.model.clock, found.begin)
    begin = np.full(int(came.sum()), found.begin, dtype=np.int64)
    wait = found.model.clock.between(begin, found.first_order[came])
    whole = found.model.clock.between(begin, np.full_like(begin, found.end))
    place = p_wait_within(found.model.buying, seen, wait) / p_wait_within(found.model.buying, seen, whole)
    return float(((place >= (1 - share) / 2) & (place <= (1 + share) / 2)).mean())


def state_outcomes(found: Quarter) -> list[StateOutcome]:
    """What became of the customers of each risk state."""
    state = risk_state(risk_moments(found.model, found.customers.histories), found.begin)
    rows = [(name, state == number) for number, name in enumerate(RISK_STATES)]
    return [
        StateOutcome(
            name,
            int(inside.sum()),
            float(found.customers.spent[inside].sum()),
            float(found.ordered[inside].mean()) if inside.any() else float("nan"),
        )
        for name, inside in rows
    ]


def silent_regulars(found: Quarter, orders: int = 10, times: float = 4.0) -> dict[RiskState, int]:
    """The states of customers with many orders who had been silent for several times their own mean interval."""
    histories = found.customers.histories
    interval = (histories.last_at - histories.first_at) / np.maximum(histories.orders - 1, 1)
    silent = (histories.orders >= orders) & (found.begin - histories.last_at > times * interval)
    state = risk_state(risk_moments(found.model, histories), found.begin)
    return {name: int((silent & (state == number)).sum()) for number, name in enumerate(RISK_STATES)}


def spend_of_the_last_year(book: OrderBook) -> list[TenthMeans]:
    """Predicted and actual mean spend of the last 365 days, by tenths of the customers, lowest prediction first."""
    end = int(book.moment.max())
    begin = end - DAYS_OF_A_YEAR * MICROS_PER_DAY
    model, customers = fit_rhythm(book, begin), customers_at(book, begin)
    predicted = expected_spend(model, customers.histories, customers.spent, begin)
    return tenth_means(predicted, spent_between(book, begin, end)[customers.customer])
