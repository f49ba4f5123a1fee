"""Fitting a rhythm on a dataset: no look-ahead, honest about what it lacks, and right on a shop that is known."""

from datetime import UTC, datetime

import msgspec
import numpy as np
import pandas as pd
import pytest

from batch.fit_rhythm import fit_rhythm
from batch.order_book import OrderBook, customers_at, later_orders, order_book, orders_between, spent_between
from batch.prediction_evidence import (
    chance_difference,
    interval_coverage,
    largest_difference,
    quarter,
    rolling_quarters,
    silent_regulars,
    state_outcomes,
    tenth_means,
)
from models.rhythm.buying import Buying
from models.rhythm.calibration import NONE
from models.rhythm.fit_buying import RhythmFitError
from models.units import MICROS_PER_DAY, MONEY_UNITS, from_micros, to_micros
from tests.support.buyers import population
from tests.support.retail import REAL, retail

BEGIN = to_micros(datetime(2010, 1, 1, tzinfo=UTC))
DAYS = 800


def table(rows: list[tuple[str, float, str, int]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "kind", "amount"])
    frame["occurred_at"] = [from_micros(BEGIN + round(day * MICROS_PER_DAY)) for day in frame["day"]]
    frame["amount_units"] = frame["amount"] * MONEY_UNITS
    return frame


@pytest.fixture(scope="module")
def book() -> OrderBook:
    people = population(Buying(0.8, 40.0, 0.6, 2.5), 3_000, DAYS, seed=3, begin=BEGIN)
    amounts = np.random.default_rng(1).lognormal(4.0, 0.5, len(people.moment))
    return OrderBook(
        people.customer,
        people.moment,
        np.ones(len(people.moment), dtype=np.int64),
        (amounts * MONEY_UNITS).astype(np.int64),
        tuple(str(number) for number in range(3_000)),
    )


def test_a_book_knows_histories_as_they_were_at_any_moment() -> None:
    rows = [("b", 3.0, "sale", 50), ("a", 5.0, "sale", 10), ("a", 1.0, "sale", 20), ("b", 4.0, "return", 30)]
    rows += [("c", 2.0, "return", 5), ("a", 9.0, "sale", 40)]
    found = order_book(table(rows))
    at = customers_at(found, BEGIN + 6 * MICROS_PER_DAY)
    assert [found.customer_ids[number] for number in at.customer] == ["a", "b"]
    assert at.histories.orders.tolist() == [2, 1]
    assert ((at.histories.last_at - BEGIN) / MICROS_PER_DAY).tolist() == [5.0, 3.0]
    assert at.spent.tolist() == [30.0, 20.0]
    assert ((later_orders(found, BEGIN + 9 * MICROS_PER_DAY) - BEGIN) / MICROS_PER_DAY).tolist() == [5.0, 9.0]
    count, first = orders_between(found, BEGIN + MICROS_PER_DAY, BEGIN + 9 * MICROS_PER_DAY)
    assert count.tolist() == [2, 1, 0]
    assert first.tolist() == [BEGIN + 5 * MICROS_PER_DAY, BEGIN + 3 * MICROS_PER_DAY, -1]
    assert spent_between(found, BEGIN + 3 * MICROS_PER_DAY, BEGIN + 9 * MICROS_PER_DAY).tolist() == [50.0, -30.0, 0.0]


def test_no_order_after_the_moment_of_the_fit_has_an_influence(book: OrderBook) -> None:
    now = BEGIN + 700 * MICROS_PER_DAY
    before = book.moment <= now
    cut = book._replace(**{name: getattr(book, name)[before] for name in OrderBook._fields[:4]})
    assert len(cut.moment) < len(book.moment)
    assert fit_rhythm(cut, now) == fit_rhythm(book, now)


def test_a_fit_is_the_same_every_time(book: OrderBook) -> None:
    now = BEGIN + 700 * MICROS_PER_DAY
    assert fit_rhythm(book, now) == fit_rhythm(book, now)


def test_windows_in_the_first_months_are_no_ground_for_a_calibration(book: OrderBook) -> None:
    early, later = (fit_rhythm(book, BEGIN + days * MICROS_PER_DAY) for days in (340, 700))
    assert early.calibrations.within_90_days == NONE
    assert early.metadata["calibration_windows"] == {"30": 2, "90": 0}
    assert not early.metadata["same_season_seen"]
    assert later.metadata["calibration_windows"] == {"30": 4, "90": 4}
    assert later.metadata["same_season_seen"]


def test_on_a_shop_without_seasons_predictions_are_right_with_and_without_calibration(book: OrderBook) -> None:
    for calibrate in (False, True):
        found = quarter(book, BEGIN + 700 * MICROS_PER_DAY, calibrate=calibrate)
        assert found.probability.sum() == pytest.approx(found.ordered.sum(), rel=0.08)
        assert largest_difference(tenth_means(found.probability, found.ordered)) < 0.08
        assert interval_coverage(found, 0.5) == pytest.approx(0.5, abs=0.06)
        assert interval_coverage(found, 0.8) == pytest.approx(0.8, abs=0.06)
        assert found.auc > 0.7


def test_risk_states_tell_customers_apart(book: OrderBook) -> None:
    outcomes = state_outcomes(quarter(book, BEGIN + 700 * MICROS_PER_DAY))
    assert sum(each.customers for each in outcomes) == len(customers_at(book, BEGIN + 700 * MICROS_PER_DAY).customer)
    ordered = {each.state: each.ordered for each in outcomes if each.customers >= 50}
    assert ordered["on_rhythm"] > ordered["due"] > ordered["presumed_lost"]
    assert ordered["presumed_lost"] < 0.15


def test_a_regular_customer_who_is_silent_for_long_is_never_on_rhythm(book: OrderBook) -> None:
    states = silent_regulars(quarter(book, BEGIN + 700 * MICROS_PER_DAY), orders=6)
    assert sum(states.values()) > 20
    assert states["on_rhythm"] == 0


def test_true_probabilities_still_differ_from_what_happens_by_chance() -> None:
    median, high = chance_difference(np.linspace(0.05, 0.95, 4_000))
    assert 0.01 < median < high < 0.1


def test_too_short_a_dataset_is_refused_in_one_line() -> None:
    few = order_book(table([("a", 1.0, "sale", 5), ("b", 2.0, "sale", 5)]))
    with pytest.raises(RhythmFitError, match=r"^0 customers have ordered more than once"):
        fit_rhythm(few, BEGIN + 9 * MICROS_PER_DAY)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="needs the real dataset")
def test_the_numbers_of_the_documentation_hold_on_the_real_dataset() -> None:
    quarters = list(rolling_quarters(order_book(retail().transactions), 4))
    assert all(found.auc >= 0.78 for found in quarters)
    for found in quarters[1:]:
        largest = largest_difference(tenth_means(found.probability, found.ordered))
        # What chance alone would exceed in one of twenty quarters if every probability were true.
        assert largest < chance_difference(found.probability)[1]
        assert interval_coverage(found, 0.5) == pytest.approx(0.5, abs=0.03)
        assert interval_coverage(found, 0.8) == pytest.approx(0.8, abs=0.03)
    assert [found.model.metadata["same_season_seen"] for found in quarters] == [False, False, False, True]
    assert msgspec.json.encode(quarters[-1].model)
