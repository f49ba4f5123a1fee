import pandas as pd
import pytest

from batch.explore.revenue import by_country, by_month, by_weekday_and_hour, revenue_by_country, revenue_by_month
from tests.support.money import POUNDS
from tests.support.retail import retail, rows
from tests.support.shop_rows import sale, shop


def known_rows() -> pd.DataFrame:
    """Amounts of the raw rows of known customers, computed independently: each invoice from its first export."""
    raw = rows()
    raw = raw[raw["customer"].notna() & ~raw["invoice"].str.startswith("A")]
    first = raw.drop_duplicates(["invoice", "export"]).sort_values("export", kind="stable").drop_duplicates("invoice")
    raw = raw.merge(first[["invoice", "export"]], on=["invoice", "export"])
    raw["money"] = raw["quantity"] * (raw["price_units"] / 10_000)
    # The time of an invoice is that of its first row.
    raw["moment"] = raw.groupby("invoice")["occurred_at"].transform("min")
    return raw


@pytest.mark.parametrize(
    ("returned", "note"),
    [
        (["Spain"], "1 country with less or no net revenue is left out."),
        (["Spain", "Italy"], "2 countries with less or no net revenue are left out."),
    ],
)
def test_countries_without_net_revenue_are_counted(returned: list[str], note: str) -> None:
    refunds = [sale(f"C{name}", "a", "2011-01-03 10:00", 5, country=name) for name in returned]
    dataset = shop(sale("1", "a", "2011-01-03 09:00", 20, country="France"), *refunds)
    assert revenue_by_country(dataset, POUNDS).note == note


@pytest.mark.slow
def test_revenue_by_month_is_quantity_times_price_of_the_raw_rows() -> None:
    raw = known_rows()
    month = raw["moment"].dt.strftime("%Y-%m")
    is_return = raw["invoice"].str.startswith("C")
    months = by_month(retail())
    months.index = pd.DatetimeIndex(months.index).strftime("%Y-%m")
    pd.testing.assert_series_equal(months["net"], raw.groupby(month)["money"].sum(), check_names=False)
    returned = raw[is_return].groupby(month)["money"].sum().reindex(months.index, fill_value=0.0)
    pd.testing.assert_series_equal(months["returned"], -returned, check_names=False)
    sales = raw[~is_return].groupby(month)["invoice"].nunique()
    assert months["sales"].to_dict() == sales.to_dict()


def test_revenue_by_country_is_quantity_times_price_of_the_raw_rows() -> None:
    raw = known_rows()
    countries = by_country(retail())
    expected = raw.groupby("country")["money"].sum()
    pd.testing.assert_series_equal(countries["net"].sort_index(), expected, check_names=False)
    assert countries["customers"].to_dict() == raw.groupby("country")["customer"].nunique().to_dict()
    assert countries["share"].sum() == pytest.approx(1)
    assert countries["net"].is_monotonic_decreasing


def test_orders_by_weekday_and_hour_are_sales_of_the_raw_rows() -> None:
    raw = known_rows()
    sales = raw[~raw["invoice"].str.startswith("C")].drop_duplicates("invoice")
    counts = by_weekday_and_hour(retail())
    assert counts.to_numpy().sum() == len(sales)
    for weekday, hour in [(0, 12), (3, 15), (5, 10), (6, 11)]:
        expected = ((sales["moment"].dt.day_of_week == weekday) & (sales["moment"].dt.hour == hour)).sum()
        assert counts.loc[weekday, hour] == expected


def test_a_month_without_transactions_has_zeros() -> None:
    months = by_month(shop(sale("1", "a", "2011-01-03 10:00", 5.0), sale("C2", "a", "2011-03-30 10:00", 2.0)))
    assert months["net"].tolist() == [5.0, 0.0, -2.0]
    assert months["is_whole"].tolist() == [True, True, True]


def test_an_incomplete_month_is_never_the_best_month() -> None:
    dataset = shop(
        sale("1", "a", "2011-01-20 10:00", 900.0),
        sale("2", "a", "2011-02-10 10:00", 50.0),
        sale("3", "a", "2011-03-10 10:00", 70.0),
        sale("4", "a", "2011-04-10 10:00", 800.0),
    )
    assert by_month(dataset)["is_whole"].tolist() == [False, True, True, False]
    finding = revenue_by_month(dataset, POUNDS)
    assert "March 2011 with £70" in finding.summary
    assert "January 2011 and April 2011" in finding.note


def test_returns_that_are_larger_than_all_sales_leave_no_country_and_no_average() -> None:
    dataset = shop(sale("1", "a", "2011-01-03 10:00", 5.0), sale("C2", "b", "2011-01-03 10:00", 9.0))
    country = revenue_by_country(dataset, POUNDS)
    assert (country.summary, country.figure) == ("No country has a net revenue above 0.", None)
    assert "times the average" not in revenue_by_month(dataset, POUNDS).summary


def test_a_single_country_has_a_summary_and_a_negative_country_has_no_marker() -> None:
    alone = revenue_by_country(shop(sale("1", "a", "2011-01-03 10:00", 5.0)), POUNDS)
    assert alone.summary == "United Kingdom accounts for 100% of net revenue."
    two = revenue_by_country(
        shop(sale("1", "a", "2011-01-03 10:00", 5.0), sale("C2", "b", "2011-01-03 10:00", 2.0, country="Eire")), POUNDS
    )
    assert two.figure is not None
    assert two.figure.data[0].x.tolist() == [5.0]
    assert two.note.startswith("1 country")
