"""Fits on simulated customers find what the customers were drawn from, and predictions count right."""

from datetime import UTC, datetime

import numpy as np
import pytest

from models.rhythm.alive import p_alive
from models.rhythm.buying import Buying
from models.rhythm.calibration import Calibration, log_odds
from models.rhythm.fit_buying import BuyingFit, RhythmFitError, fit_buying
from models.rhythm.fit_calibration import fit_calibration
from models.rhythm.fit_spending import fit_spending
from models.rhythm.histories import Histories, observed
from models.rhythm.next_order import expected_orders, p_order_within, p_wait_within
from models.rhythm.seasonal_clock import CALENDAR, SeasonalClock
from models.rhythm.spending import expected_amount
from models.units import MICROS_PER_DAY, to_micros
from tests.support.buyers import Population, histories_until, population

TRUTH = Buying(0.8, 50.0, 0.7, 2.5)
BEGIN = to_micros(datetime(2010, 1, 1, tzinfo=UTC))
#: Twice as busy in November and in the first half of December as in the rest of the year.
BUSY = SeasonalClock(tuple(np.where(np.isin(np.arange(24), (20, 21, 22)), 1.8, 0.886).tolist()))
DAYS, COUNT = 1_000, 12_000
NOW = BEGIN + 760 * MICROS_PER_DAY


@pytest.fixture(scope="module")
def people() -> Population:
    return population(TRUTH, COUNT, DAYS, seed=11, clock=BUSY, begin=BEGIN)


@pytest.fixture(scope="module")
def fitted(people: Population) -> BuyingFit:
    seen = people.moment <= NOW
    later = np.flatnonzero(seen[1:] & (people.customer[1:] == people.customer[:-1])) + 1
    return fit_buying(histories_until(people, NOW)[1], NOW, people.moment[later])


def test_parameters_and_seasons_are_found(fitted: BuyingFit) -> None:
    for name in ("r", "alpha", "a", "b"):
        # Four standard errors of a fit on this many customers, from ten other seeds.
        assert getattr(fitted.buying, name) == pytest.approx(getattr(TRUTH, name), rel=0.3), name
    rates = np.array(fitted.clock.rates)
    assert rates == pytest.approx(np.array(BUSY.rates), abs=0.16)


def test_a_year_of_the_clock_is_as_long_as_a_year(fitted: BuyingFit) -> None:
    ends = np.array([to_micros(datetime(year, 1, 1, tzinfo=UTC)) for year in (1900, 2300)]) - np.array([0, 1])
    assert fitted.clock.between(ends[:1], ends[1:])[0] == pytest.approx(400 * 365.2425, rel=1e-6)


def test_a_fit_is_the_same_every_time(people: Population) -> None:
    histories = histories_until(people, NOW)[1]
    assert fit_buying(histories, NOW) == fit_buying(histories, NOW)
    assert fit_buying(histories, NOW).clock == CALENDAR


def test_predictions_count_right_without_calibration(people: Population, fitted: BuyingFit) -> None:
    customer, histories = histories_until(people, NOW)
    seen = observed(histories, fitted.clock, NOW)
    end = NOW + 90 * MICROS_PER_DAY
    ahead = float(fitted.clock.between(np.array([NOW]), np.array([end]))[0])
    within = (people.moment > NOW) & (people.moment <= end)
    orders = np.bincount(people.customer[within], minlength=COUNT)[customer]
    there = people.gone_at[customer] > BUSY.at(np.array([NOW]))[0]
    for predicted, happened in (
        (p_alive(fitted.buying, seen), there),
        (p_order_within(fitted.buying, seen, ahead), orders > 0),
        (expected_orders(fitted.buying, seen, ahead), orders),
    ):
        error = happened.std() / np.sqrt(len(happened))
        assert predicted.mean() == pytest.approx(happened.mean(), abs=4 * error)
        for part in np.array_split(np.argsort(predicted, kind="stable"), 5):
            error = happened[part].std() / np.sqrt(len(part))
            assert predicted[part].mean() == pytest.approx(happened[part].mean(), abs=4 * error + 0.01)


def test_the_wait_for_the_next_order_is_distributed_as_said(people: Population, fitted: BuyingFit) -> None:
    customer, histories = histories_until(people, NOW)
    seen = observed(histories, fitted.clock, NOW)
    later, first = np.unique(people.customer[people.moment > NOW], return_index=True)
    at = np.full(COUNT, -1)
    at[later] = people.moment[people.moment > NOW][first]
    came = at[customer] >= 0
    end = np.array([BEGIN + DAYS * MICROS_PER_DAY])
    waits = fitted.clock.between(np.array([NOW]), np.where(came, at[customer], end))
    until_end = float(fitted.clock.between(np.array([NOW]), end)[0])
    share = p_wait_within(fitted.buying, seen, waits) / p_wait_within(fitted.buying, seen, until_end)
    for low, high in ((0.25, 0.75), (0.1, 0.9)):
        covered = (share[came] > low) & (share[came] < high)
        assert covered.mean() == pytest.approx(high - low, abs=0.03)


def test_the_mean_amount_is_found() -> None:
    rng = np.random.default_rng(2)
    orders = rng.integers(1, 12, 4_000)
    mean = 3.0 / rng.gamma(4.0, 1 / 400.0, 4_000)
    spent = np.array([rng.gamma(3.0, each / 3.0, count).sum() for each, count in zip(mean, orders, strict=True)])
    fitted = fit_spending(orders.astype(float), spent)
    assert (fitted.p, fitted.q) == pytest.approx((3.0, 4.0), rel=0.15)
    nobody = expected_amount(fitted, np.zeros(1), np.zeros(1))[0]
    assert nobody == pytest.approx(mean.mean(), rel=0.05)
    predicted = expected_amount(fitted, orders.astype(float), spent)
    error = (mean - predicted).std() / np.sqrt(len(mean))
    assert predicted.mean() == pytest.approx(mean.mean(), abs=4 * error)


def test_a_fit_of_amounts_does_not_depend_on_the_unit() -> None:
    rng = np.random.default_rng(4)
    orders = rng.integers(1, 9, 500).astype(float)
    spent = orders * rng.lognormal(3.0, 0.5, 500)
    in_pounds, in_pence = fit_spending(orders, spent), fit_spending(orders, 100 * spent)
    assert (in_pence.p, in_pence.q, in_pence.gamma) == pytest.approx(
        (in_pounds.p, in_pounds.q, 100 * in_pounds.gamma), rel=1e-6
    )


def test_a_calibration_finds_the_line_that_was_bent() -> None:
    rng = np.random.default_rng(1)
    predicted = rng.uniform(0.01, 0.99, 40_000)
    truth = Calibration(-0.4, 1.3)
    found = fit_calibration(predicted, (rng.random(40_000) < truth.applied(predicted)).astype(float))
    assert (found.shift, found.slope) == pytest.approx((truth.shift, truth.slope), abs=0.05)


def test_a_calibration_never_turns_the_ranking_around() -> None:
    predicted = np.linspace(0.1, 0.9, 500)
    found = fit_calibration(predicted, (predicted < 0.5).astype(float))
    assert (np.diff(found.applied(predicted)) > 0).all()


def test_a_handful_of_outcomes_hardly_changes_a_probability() -> None:
    found = fit_calibration(np.array([0.3, 0.3]), np.ones(2))
    assert log_odds(found.applied(np.array([0.3])))[0] == pytest.approx(log_odds(np.array([0.3]))[0], abs=0.3)


def test_too_few_customers_with_a_second_order_are_refused_in_one_line() -> None:
    nobody = Histories(np.zeros(50, dtype=np.int64), np.zeros(50, dtype=np.int64), np.ones(50, dtype=np.int64))
    with pytest.raises(RhythmFitError, match=r"^0 customers have ordered more than once"):
        fit_buying(nobody, MICROS_PER_DAY)
    with pytest.raises(RhythmFitError, match=r"^0 customers have spent something"):
        fit_spending(np.ones(50), np.ones(50))


def test_histories_that_reach_into_the_future_are_refused(people: Population) -> None:
    with pytest.raises(RhythmFitError, match="beyond the moment"):
        fit_buying(histories_until(people, NOW)[1], NOW - 100 * MICROS_PER_DAY)
