from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from batch.explore.cohorts import active_by_cohort, average_retention, cohort_retention, retention
from batch.explore.months import cut_months
from tests.support.retail import retail, rows
from tests.support.shop_rows import sale, shop

SMALL = shop(
    sale("1", "a", "2011-01-03 10:00", 5.0),
    sale("2", "b", "2011-01-31 23:59", 5.0),
    sale("C3", "c", "2011-01-31 10:00", 5.0),
    sale("4", "a", "2011-02-01 00:00", 5.0),
    sale("5", "a", "2011-02-09 10:00", 5.0),
    sale("6", "c", "2011-02-09 10:00", 5.0),
    sale("C7", "b", "2011-03-02 10:00", 5.0),
    sale("8", "c", "2011-04-29 10:00", 5.0),
)


def test_a_cohort_is_all_customers_whose_first_sale_is_in_the_month() -> None:
    active = active_by_cohort(SMALL)
    nan = np.nan
    assert [f"{month:%Y-%m}" for month in active.index] == ["2011-01", "2011-02"]
    np.testing.assert_array_equal(active.to_numpy(), [[2, 1, 0, 0], [1, 0, 1, nan]])
    np.testing.assert_array_equal(retention(active).to_numpy(), [[1, 0.5, 0, 0], [1, 0, 1, nan]])


@pytest.mark.slow
def test_retention_equals_a_computation_with_sets_of_customers() -> None:
    months_of: dict[str, set[int]] = defaultdict(set)
    last = 0
    raw = rows()
    raw = raw[raw["customer"].notna() & ~raw["invoice"].str.startswith("A")]
    invoices = raw.groupby("invoice").agg(moment=("occurred_at", "min"), customer=("customer", "first"))
    for invoice, moment, customer in invoices.itertuples():
        number = moment.year * 12 + moment.month
        last = max(last, number)
        if not invoice.startswith("C"):
            months_of[customer].add(number)
    cohorts: dict[int, list[set[int]]] = defaultdict(list)
    for months in months_of.values():
        cohorts[min(months)].append(months)

    rates = retention(active_by_cohort(retail()))
    assert len(rates) == len(cohorts)
    for month, row in rates.iterrows():
        assert isinstance(month, pd.Timestamp)
        start = month.year * 12 + month.month
        people = cohorts[start]
        for since, rate in row.items():
            assert isinstance(since, int)
            if start + since > last:
                assert np.isnan(rate)
            else:
                assert rate == pytest.approx(sum(start + since in months for months in people) / len(people))


def test_the_average_leaves_out_the_first_cohort_and_incomplete_months() -> None:
    dataset = shop(
        sale("1", "old", "2011-01-03 10:00", 5.0),
        sale("2", "old", "2011-02-03 10:00", 5.0),
        sale("3", "b", "2011-02-03 10:00", 5.0),
        sale("4", "c", "2011-02-03 10:00", 5.0),
        sale("5", "b", "2011-03-03 10:00", 5.0),
        sale("6", "d", "2011-03-03 10:00", 5.0),
        sale("7", "d", "2011-04-03 10:00", 5.0),
    )
    active, cut = active_by_cohort(dataset), cut_months(dataset)
    assert [f"{month:%B}" for month in cut] == ["April"]
    assert average_retention(active, 1, cut) == 0.5
    assert average_retention(active, 1, set()) == pytest.approx(2 / 3)
    assert np.isnan(average_retention(active, 12, cut))
    assert "50% order again" in cohort_retention(dataset).summary


def test_a_week_is_too_short_for_retention() -> None:
    finding = cohort_retention(shop(sale("1", "a", "2011-01-03 10:00", 5.0), sale("2", "a", "2011-01-09 10:00", 5.0)))
    assert "too short" in finding.summary
