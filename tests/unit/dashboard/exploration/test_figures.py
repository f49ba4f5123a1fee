"""The data page's figures hold the numbers they were given."""

import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from dashboard.exploration import figures
from tests.support.money import POUNDS

JANUARY, FEBRUARY, MARCH = (datetime(2011, month, 1, tzinfo=UTC) for month in (1, 2, 3))
MONTHS = [JANUARY, FEBRUARY, MARCH]
REVENUE = pd.DataFrame(
    [
        (JANUARY, "France", 2, 1, 100.0, 10.0),
        (JANUARY, "EIRE", 1, 0, 500.0, 0.0),
        (MARCH, "France", 1, 0, 50.0, 0.0),
    ],
    columns=["month", "country", "sales", "returns", "sold", "returned"],
).assign(month=lambda rows: pd.to_datetime(rows["month"], utc=True))
COHORTS = pd.DataFrame(
    [(JANUARY, JANUARY, 10), (JANUARY, MARCH, 4), (MARCH, MARCH, 3)], columns=["cohort", "month", "customers"]
).assign(
    cohort=lambda rows: pd.to_datetime(rows["cohort"], utc=True),
    month=lambda rows: pd.to_datetime(rows["month"], utc=True),
)


def test_a_month_without_a_transaction_is_a_gap_of_zeros_and_not_left_out() -> None:
    months = figures.monthly(REVENUE, MONTHS)
    assert months["sold"].tolist() == [600.0, 0.0, 50.0]
    assert months["sales"].tolist() == [3, 0, 1]


def test_revenue_is_above_the_line_and_returns_below() -> None:
    sold, returned = figures.revenue_bars(figures.monthly(REVENUE, MONTHS), POUNDS).data
    assert [*sold.y] == [600.0, 0.0, 50.0]
    assert [*returned.y] == [-10.0, 0.0, 0.0]
    assert [*sold.x] == ["Jan 2011", "Feb 2011", "Mar 2011"]


def test_the_country_with_the_highest_revenue_is_first() -> None:
    assert figures.by_country(REVENUE)["net"].to_dict() == {"EIRE": 500.0, "France": 140.0}


def test_retention_is_a_share_of_the_cohort_and_the_future_is_missing() -> None:
    rates = figures.retention(COHORTS, MONTHS)
    assert [*rates.loc[JANUARY]] == [1.0, 0.0, 0.4]
    assert rates[0].loc[MARCH] == 1.0
    assert [*rates.loc[MARCH].isna()] == [False, True, True]
    # No customer is new in February, so the share is undefined.
    assert rates.loc[FEBRUARY].isna().all()


def test_the_retention_map_leaves_the_first_month_out() -> None:
    rates = figures.retention(COHORTS, MONTHS)
    sizes = pd.Series([10, 0, 3], rates.index)
    heat, numbers = figures.retention_map(rates, sizes).data
    assert [*heat.y] == ["Jan 2011 · 10"]
    np.testing.assert_allclose(np.array(heat.z, dtype=float), [[0.0, 40.0]])
    assert [*numbers.text] == ["0", "40"]


def test_a_histogram_has_every_bar_between_the_first_and_the_last() -> None:
    bars = pd.DataFrame({"lower": [10.0, 50.0], "sales": [3, 1]})
    figure = figures.histogram(bars, [10.0, 20.0, 50.0, 100.0], (10, 100), POUNDS)
    (trace,) = figure.data
    assert [*trace.y] == [3, 0, 1]
    assert [*trace.customdata] == ["£10–£20", "£20–£50", "£50–£100"]
    assert [*figure.layout.xaxis.ticktext] == ["£10", "£100"]


def test_the_middle_is_the_bar_of_the_median() -> None:
    bars = pd.DataFrame({"lower": [0.0, 10.0, 20.0], "sales": [1, 1, 5]})
    assert figures.median_bar(bars, [10.0, 20.0]) == (20.0, math.inf)
    assert figures.median_bar(bars.assign(sales=[5, 1, 1]), [10.0, 20.0]) == (0.0, 10.0)


def test_figures_can_be_drawn_of_a_single_month() -> None:
    months = figures.monthly(REVENUE[REVENUE["month"] == JANUARY], [JANUARY])
    for figure in (figures.revenue_bars(months, POUNDS), figures.returns_lines(months)):
        assert figure.to_json()
