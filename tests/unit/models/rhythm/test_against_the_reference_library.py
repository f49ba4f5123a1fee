"""Before calibration, all results equal those of the library `lifetimes`."""

import warnings

import numpy as np
import pandas as pd
import pytest

from models.rhythm.alive import p_alive
from models.rhythm.buying import Buying, log_likelihood
from models.rhythm.fit_buying import fit_buying
from models.rhythm.fit_spending import fit_spending
from models.rhythm.histories import observed
from models.rhythm.next_order import expected_orders
from models.rhythm.seasonal_clock import CALENDAR
from models.rhythm.spending import Spending, expected_amount, spending_log_likelihood
from models.units import MICROS_PER_DAY
from tests.support.buyers import histories_until, population

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifetimes import GammaGammaFitter, ModifiedBetaGeoFitter

TRUTH = Buying(0.7, 60.0, 0.6, 2.5)
NOW = 700 * MICROS_PER_DAY
SEEN = observed(histories_until(population(TRUTH, 800, 700, seed=5), NOW)[1], CALENDAR, NOW)
PARAMETERS = [Buying(0.7, 60.0, 0.6, 2.5), Buying(1.4, 20.0, 1.7, 0.8), Buying(0.3, 150.0, 0.2, 9.0)]
RNG = np.random.default_rng(3)
ORDERS = (SEEN.x + 1)[SEEN.x > 0]
MEANS = RNG.gamma(3.0, 1 / RNG.gamma(4.0, 1 / 400.0, len(ORDERS)))


def reference(buying: Buying) -> ModifiedBetaGeoFitter:
    fitter = ModifiedBetaGeoFitter()
    fitter.params_ = pd.Series({"r": buying.r, "alpha": buying.alpha, "a": buying.a, "b": buying.b})
    fitter.predict = fitter.conditional_expected_number_of_purchases_up_to_time
    return fitter


@pytest.mark.parametrize("buying", PARAMETERS)
def test_p_alive_equals_the_reference(buying: Buying) -> None:
    theirs = reference(buying).conditional_probability_alive(*SEEN)
    assert p_alive(buying, SEEN) == pytest.approx(np.asarray(theirs), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("buying", PARAMETERS)
@pytest.mark.parametrize("days", [30.0, 90.0, 365.0])
def test_expected_orders_equal_the_reference(buying: Buying, days: float) -> None:
    theirs = reference(buying).conditional_expected_number_of_purchases_up_to_time(days, *SEEN)
    assert expected_orders(buying, SEEN, days) == pytest.approx(np.asarray(theirs), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("buying", PARAMETERS)
def test_the_likelihood_equals_the_reference(buying: Buying) -> None:
    logs = np.log([buying.r, buying.alpha, buying.a, buying.b])
    theirs = -ModifiedBetaGeoFitter._negative_log_likelihood(logs, *SEEN, np.ones(len(SEEN.x)), 0.0)
    assert log_likelihood(buying, SEEN).value.mean() == pytest.approx(theirs, rel=1e-9)


def test_the_fit_is_at_least_as_likely_as_that_of_the_reference() -> None:
    people = population(TRUTH, 800, 700, seed=5)
    ours = fit_buying(histories_until(people, NOW)[1], NOW)
    theirs = ModifiedBetaGeoFitter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(*SEEN)
    found = Buying(**theirs.params_.to_dict())
    assert ours.log_likelihood >= log_likelihood(found, SEEN).value.sum() - 1e-6
    assert p_alive(ours.buying, SEEN) == pytest.approx(p_alive(found, SEEN), abs=1e-3)


@pytest.mark.parametrize("spending", [Spending(6.0, 4.0, 15.0), Spending(2.4, 3.8, 410.0)])
def test_amounts_and_their_likelihood_equal_the_reference(spending: Spending) -> None:
    theirs = GammaGammaFitter()
    theirs.params_ = pd.Series({"p": spending.p, "q": spending.q, "v": spending.gamma})
    amounts = theirs.conditional_expected_average_profit(ORDERS, MEANS)
    assert expected_amount(spending, ORDERS, ORDERS * MEANS) == pytest.approx(np.asarray(amounts), rel=1e-9)
    logs = np.log([spending.p, spending.q, spending.gamma])
    value = -GammaGammaFitter._negative_log_likelihood(logs, ORDERS, MEANS, np.ones(len(ORDERS)), 0.0)
    assert spending_log_likelihood(spending, ORDERS, MEANS)[0].mean() == pytest.approx(value, rel=1e-9)


def test_the_fit_of_amounts_is_at_least_as_likely_as_that_of_the_reference() -> None:
    theirs = GammaGammaFitter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(ORDERS, MEANS)
    found = Spending(theirs.params_["p"], theirs.params_["q"], theirs.params_["v"])
    ours = fit_spending(ORDERS, ORDERS * MEANS)
    likelihoods = [spending_log_likelihood(each, ORDERS, MEANS)[0].sum() for each in (ours, found)]
    assert likelihoods[0] >= likelihoods[1] - 1e-6
