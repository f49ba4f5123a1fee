"""The rhythm model of a fit: deterministic, checked on the quarter before, and absent with a reason."""

import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from batch.dataset_frames import orders_of
from batch.fit_dataset import fit_before
from batch.fit_predictions import LAST_QUARTER_KEY, LEAST_DAYS, fit_predictions, fit_with_predictions
from batch.order_book import order_book
from batch.prediction_evidence import quarter
from data.datasets import frames, synthetic
from models.rhythm.buying import Buying
from models.rhythm.carried import rhythm_of
from models.rhythm.rhythm_model import RhythmModel
from models.units import MICROS_PER_DAY, MONEY_UNITS, from_micros, to_micros
from tests.support.buyers import population
from tests.support.retail import medium

BEGIN = datetime(2010, 1, 1, tzinfo=UTC)
NOW = BEGIN + timedelta(days=500)


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    people = population(Buying(0.8, 40.0, 0.6, 2.5), 600, 620, seed=3, begin=to_micros(BEGIN))
    return pd.DataFrame(
        {
            "customer_id": people.customer.astype(str),
            "occurred_at": pd.to_datetime(people.moment, unit="us", utc=True),
            "kind": "sale",
            "amount_units": np.random.default_rng(1).integers(5, 500, len(people.moment)) * MONEY_UNITS,
        }
    )


def model(orders: pd.DataFrame, as_of: datetime = NOW) -> RhythmModel:
    fitted = fit_predictions(orders, as_of)
    assert fitted.model is not None, fitted.reason
    return fitted.model


def test_the_order_of_rows_and_what_comes_later_have_no_influence(orders: pd.DataFrame) -> None:
    until = orders[orders["occurred_at"] <= NOW]
    assert len(until) < len(orders)
    assert model(orders.sample(frac=1.0, random_state=1)) == model(until)


def test_the_last_quarter_is_predicted_by_a_model_that_knew_nothing_of_it(orders: pd.DataFrame) -> None:
    begin = to_micros(NOW) - 90 * MICROS_PER_DAY
    found = quarter(order_book(orders[orders["occurred_at"] <= NOW]), begin)
    noted = model(orders).metadata[LAST_QUARTER_KEY]
    assert from_micros(noted["begin"]) == NOW - timedelta(days=90)
    assert noted["customers"] == len(found.ordered)
    assert noted["predicted"] == pytest.approx(found.probability.sum(), abs=0.06)
    assert noted["ordered"] == found.ordered.sum()


def test_too_few_days_give_a_reason_and_no_model(orders: pd.DataFrame) -> None:
    first = orders["occurred_at"].min()
    assert fit_predictions(orders, first + timedelta(days=LEAST_DAYS)).model is not None
    short = fit_predictions(orders, first + timedelta(days=LEAST_DAYS - 1))
    assert short == (None, "the orders cover 179 days, and predictions need 180")
    assert fit_predictions(orders[:0], NOW) == (None, "the orders cover 0 days, and predictions need 180")


def test_a_shop_without_second_orders_gives_a_reason_and_no_model(orders: pd.DataFrame) -> None:
    once = orders.drop_duplicates("customer_id")
    assert fit_predictions(once, NOW).reason.startswith("0 customers have ordered more than once")


def test_years_outside_of_the_seasonal_clock_give_a_reason_and_no_model(orders: pd.DataFrame) -> None:
    old = orders.assign(occurred_at=orders["occurred_at"] - timedelta(days=365 * 150))
    assert "covers the years 1900 to 2299" in fit_predictions(old, NOW - timedelta(days=365 * 150)).reason


def test_a_sample_of_customers_has_all_of_their_transactions() -> None:
    shop = medium()
    end = shop.report.last
    everybody, some = orders_of(shop, end, 10_000), orders_of(shop, end, 100)
    assert len(everybody) == len(shop.transactions)
    assert some["customer_id"].nunique() == 100
    chosen = everybody[everybody["customer_id"].isin(some["customer_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(chosen, some)


def test_the_choice_of_customers_does_not_depend_on_what_came_later() -> None:
    shop = medium()
    before = shop.report.first + timedelta(days=300)
    found = orders_of(shop, before, 50)
    assert found["occurred_at"].max() <= before
    past = shop.transactions[shop.transactions["occurred_at"] <= before]["customer_id"]
    lowest = sorted(set(past), key=lambda each: hashlib.md5(each.encode(), usedforsecurity=False).hexdigest())[:50]
    assert set(found["customer_id"]) == set(lowest) < set(past) < set(shop.transactions["customer_id"])


def test_a_model_of_a_dataset_has_the_same_segments_with_predictions() -> None:
    shop = frames.clean(synthetic.generate(customers=150, days=400, seed=3), "synthetic")
    with_them = fit_with_predictions(shop, shop.report.last)
    assert with_them.version == fit_before(shop, shop.report.last).version
    assert rhythm_of(with_them) is not None
