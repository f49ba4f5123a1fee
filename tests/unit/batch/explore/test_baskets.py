import numpy as np
import pandas as pd
import pytest

from batch.explore.baskets import (
    lines_per_order,
    orders_by_lines,
    orders_by_value,
    return_rates,
    returns_over_time,
    value_of_orders,
)
from data.datasets.frames import clean
from tests.support.money import POUNDS
from tests.support.retail import retail, rows
from tests.support.shop_rows import raw_rows, sale, shop


def invoices() -> pd.DataFrame:
    """Invoices of known customers from the raw rows, computed independently."""
    raw = rows()
    raw = raw[raw["customer"].notna() & ~raw["invoice"].str.startswith("A")].copy()
    raw["money"] = raw["quantity"] * (raw["price_units"] / 10_000)
    each = raw.groupby(["invoice", "export"]).agg(
        moment=("occurred_at", "min"), money=("money", "sum"), lines=("row", "size")
    )
    return each.groupby(level="invoice").first().reset_index()


@pytest.mark.slow
def test_return_rates_are_credit_notes_to_sales_of_the_raw_rows() -> None:
    each = invoices()
    month = each["moment"].dt.strftime("%Y-%m")
    is_return = each["invoice"].str.startswith("C")
    sold, back = each[~is_return].groupby(month)["money"].sum(), -each[is_return].groupby(month)["money"].sum()
    largest = -each[is_return].groupby(month)["money"].min()
    rates = return_rates(retail())
    rates.index = pd.DatetimeIndex(rates.index).strftime("%Y-%m")
    back, largest = back.reindex(rates.index, fill_value=0.0), largest.reindex(rates.index, fill_value=0.0)
    np.testing.assert_allclose(rates["by_value"], back / sold)
    np.testing.assert_allclose(rates["without_largest"], (back - largest) / sold, atol=1e-12)
    np.testing.assert_allclose(rates["largest"], largest)
    counts = each[is_return].groupby(month).size().reindex(rates.index, fill_value=0)
    np.testing.assert_allclose(rates["by_invoice"], counts / each[~is_return].groupby(month).size())


@pytest.mark.slow
def test_every_sale_of_the_raw_rows_is_in_one_bin() -> None:
    each = invoices()
    sales = each[~each["invoice"].str.startswith("C")]
    by_lines = orders_by_lines(retail())
    for low, high, orders, share in by_lines.itertuples(index=False):
        assert orders == sales["lines"].between(low, high).sum()
        assert share == pytest.approx(orders / len(sales))
    by_value = orders_by_value(retail())
    assert by_value["orders"].sum() == len(sales)
    assert by_value["share"].sum() == pytest.approx(1)
    cheap = by_value[by_value["high"] <= 100]
    assert cheap["orders"].sum() == (sales["money"].round(4) < cheap["high"].max()).sum()
    assert f"(the median; the mean is £{sales['money'].mean():,.0f})" in value_of_orders(retail(), POUNDS).summary


def test_a_month_without_sales_has_no_rate() -> None:
    rates = return_rates(shop(sale("1", "a", "2011-01-03 10:00", 8.0), sale("C2", "a", "2011-02-03 10:00", 2.0)))
    assert rates["by_value"].iloc[0] == 0
    assert np.isnan(rates["by_value"].iloc[1])


def test_the_peak_is_reported_with_and_without_its_largest_credit_note() -> None:
    finding = returns_over_time(
        shop(
            sale("1", "a", "2011-01-03 10:00", 100.0),
            sale("C2", "a", "2011-01-04 10:00", 40.0),
            sale("C3", "a", "2011-01-05 10:00", 10.0),
            sale("4", "a", "2011-02-05 10:00", 100.0),
        ),
        POUNDS,
    )
    assert "100 credit notes per 100 orders" in finding.summary
    assert "The peak of 50% in January 2011 would be 10% without one credit note of £40." in finding.summary


def test_a_shop_without_returns_has_a_summary_and_no_figure() -> None:
    finding = returns_over_time(shop(sale("1", "a", "2011-01-03 10:00", 8.0)), POUNDS)
    assert (finding.summary, finding.figure) == ("There are no returns.", None)


def test_an_order_has_as_many_lines_as_rows() -> None:
    lines = [("1", f"8504{n}", "LIGHTS", 1, "2011-01-03 10:00", 1.0, "a", "France", 0) for n in range(5)]
    finding = lines_per_order(clean(raw_rows(*lines, sale("2", "a", "2011-01-03 10:00", 0.0)), "lines"))
    assert finding.data.set_index("low")["orders"].to_dict() == {1: 1, 2: 0, 4: 1, 8: 0, 16: 0, 32: 0, 64: 0, 128: 0}
    assert "the longest has 5" in finding.summary
