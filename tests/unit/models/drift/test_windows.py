"""Windows of the ledger equal what pandas counts as of their ends, however the ledger is split."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.backtest import backtest
from batch.profiles import features, histories, profiles_as_of
from data.datasets.steady import moment
from models.drift.observation import PAUSE_DAYS, WINDOW, ObservedDay
from models.drift.windows import WindowFold, window_floor
from models.segment_model import SegmentModel
from models.trailing_window import with_window
from models.units import from_micros, to_micros
from tests.support.examples import examples
from tests.support.steady_stream import model_of, shop

START, DAYS = 20, 12


def folded(transactions: pd.DataFrame, model: SegmentModel, cuts: list[int]) -> Iterator[ObservedDay]:
    """Windows of some days, from a ledger that is read in pieces."""
    start = to_micros(moment(START))
    before = transactions[transactions["occurred_at"] < moment(START)]
    fold = WindowFold(model, histories(before), start, before)
    for stop in [*sorted(set(cuts)), DAYS]:
        until = start + stop * WINDOW
        when = transactions["occurred_at"]
        yield from fold.windows(transactions[(when >= from_micros(fold.reached)) & (when < from_micros(until))], until)


@pytest.fixture(scope="module")
def model() -> SegmentModel:
    return model_of()


@pytest.mark.slow
def test_a_window_has_the_profiles_as_of_its_end(model: SegmentModel) -> None:
    for window in folded(shop(), model, []):
        profiles = profiles_as_of(shop(), from_micros(window.end - 1))
        # The end itself belongs to the next window, but recency is as of the end.
        profiles["recency_days"] = (from_micros(window.end) - profiles["last_purchase_at"]).dt.days
        table = features(profiles, "net").sort_values(["recency", "frequency", "monetary"])
        found = pd.DataFrame(window.base.features).astype("float64").sort_values(["recency", "frequency", "monetary"])
        np.testing.assert_array_equal(found.to_numpy(), table.to_numpy())


@pytest.mark.slow
@pytest.mark.parametrize("window_days", [1, 30, 365])
def test_under_a_trailing_window_a_day_counts_what_is_in_it_at_its_end(model: SegmentModel, window_days: int) -> None:
    windowed = with_window(model, window_days)
    for cuts in ([], [3, 4, 9]):
        for window in folded(shop(), windowed, cuts):
            end = from_micros(window.end)
            # What happens at the end itself belongs to the next day.
            profiles = profiles_as_of(shop()[shop()["occurred_at"] < end], end, window_days)
            table = features(profiles, "net").sort_values(["recency", "frequency", "monetary"])
            found = pd.DataFrame(window.base.features).astype("float64")
            found = found.sort_values(["recency", "frequency", "monetary"])
            np.testing.assert_array_equal(found.to_numpy(), table.to_numpy())
            assert (found["frequency"] == 0).any() or window_days == 365


def test_a_fold_under_a_trailing_window_needs_what_is_in_it(model: SegmentModel) -> None:
    with pytest.raises(ValueError, match="needs the transactions that it counts"):
        WindowFold(with_window(model, 30), histories(shop()), to_micros(moment(START)))


@pytest.mark.slow
def test_a_window_has_the_transactions_of_its_day(model: SegmentModel) -> None:
    for window in folded(shop(), model, []):
        when = shop()["occurred_at"]
        end, start = from_micros(window.end), from_micros(window.end - WINDOW)
        day, earlier = shop()[(when >= start) & (when < end)], shop()[when < start]
        sales = day[day["kind"] == "sale"]
        bought = earlier[earlier["kind"] == "sale"]
        assert sorted(window.sales) == sorted(sales["amount_units"] / 10_000)
        assert window.returns == len(day) - len(sales)
        assert window.newcomers == len(set(sales["customer_id"]) - set(bought["customer_id"]))
        lately = bought[bought["occurred_at"] >= start - pd.Timedelta(days=PAUSE_DAYS)]
        assert len(window.arrivals) == len(set(day["customer_id"]) - set(lately["customer_id"]))


@settings(max_examples=examples(15))
@given(st.lists(st.integers(1, DAYS - 1), max_size=5))
@pytest.mark.slow
def test_windows_do_not_depend_on_where_the_ledger_is_split(cuts: list[int]) -> None:
    whole, pieces = list(folded(shop(), model_of(), [])), list(folded(shop(), model_of(), cuts))
    assert [window.end for window in whole] == [window.end for window in pieces]
    for one, other in zip(whole, pieces, strict=True):
        for name in ("recency", "frequency", "monetary"):
            np.testing.assert_array_equal(getattr(one.base, name), getattr(other.base, name))
        np.testing.assert_array_equal(one.arrivals, other.arrivals)
        np.testing.assert_array_equal(one.sales, other.sales)


def test_windows_are_days_of_utc() -> None:
    assert from_micros(window_floor(to_micros(moment(3)) + 5 * WINDOW // 2)) == moment(5)


@pytest.mark.slow
def test_a_steady_shop_raises_no_alarm(model: SegmentModel) -> None:
    windows = list(backtest(model, shop(), moment(0)))
    assert len(windows) == 199
    assert [raised for window in windows for raised in window.raised] == []


def test_a_shop_without_complete_windows_after_the_training_has_no_observations(model: SegmentModel) -> None:
    assert list(backtest(model, shop(), moment(200))) == []
