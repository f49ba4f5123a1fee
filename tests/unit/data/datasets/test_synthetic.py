"""The synthetic shop: it is reproducible and resembles the real dataset."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.datasets import frames, synthetic
from data.datasets.cells import DataError
from data.datasets.dataset import Dataset
from data.datasets.load import load
from tests.support.dataset_lines import kept_rows
from tests.support.examples import examples
from tests.support.retail import REAL, retail


@cache
def raw() -> pd.DataFrame:
    return synthetic.generate()


@cache
def shop() -> Dataset:
    return frames.clean(raw(), "synthetic")


def shops() -> list[object]:
    """The synthetic shop, and the real one if it has been downloaded: both have the same properties."""
    real = pytest.param(retail, id="real", marks=pytest.mark.skipif(not REAL.exists(), reason="not here"))
    return [pytest.param(shop, id="synthetic"), real]


def test_the_same_seed_gives_the_same_rows_and_another_seed_other_rows() -> None:
    first = synthetic.generate(customers=50, seed=3)
    pd.testing.assert_frame_equal(first, synthetic.generate(customers=50, seed=3))
    assert not first.equals(synthetic.generate(customers=50, seed=4))


@pytest.mark.parametrize("name", ["shop.csv", "shop.parquet", "SHOP.CSV"])
def test_a_written_dataset_is_read_back_unchanged(tmp_path: Path, name: str) -> None:
    source = synthetic.generate(customers=150)
    assert source["export"].nunique() == 2
    synthetic.write(source, tmp_path / name)
    loaded, made = load(tmp_path / name), frames.clean(source, name)
    assert list(loaded.wire_transactions()) == list(made.wire_transactions())
    pd.testing.assert_frame_equal(loaded.transactions, made.transactions)
    assert loaded.report == made.report


def test_unknown_kinds_of_file_and_missing_folders_are_refused(tmp_path: Path) -> None:
    few = raw()[:5]
    with pytest.raises(DataError, match=r"^shop.xls: can't write this kind of file; use .parquet or .csv$"):
        synthetic.write(few, tmp_path / "shop.xls")
    with pytest.raises(DataError, match=r"^can't write .*nowhere/shop.csv"):
        synthetic.write(few, tmp_path / "nowhere" / "shop.csv")


@given(st.integers(1, 12), st.integers(7, 800), st.integers(0, 2**32))
@settings(max_examples=examples(40))
def test_a_shop_of_any_size_is_clean_and_has_every_customer(customers: int, days: int, seed: int) -> None:
    source = synthetic.generate(customers=customers, days=days, seed=seed)
    report = frames.clean(source, "synthetic").report
    assert report.customers == customers
    assert datetime(2009, 12, 1, tzinfo=UTC) <= report.first
    assert (report.last - datetime(2009, 12, 1, tzinfo=UTC)).days < days
    assert report.exports == source["export"].nunique() <= 2


@pytest.mark.parametrize(("customers", "days"), [(0, 730), (10, 6)])
def test_a_shop_needs_at_least_one_customer_and_seven_days(customers: int, days: int) -> None:
    with pytest.raises(DataError, match="a shop needs at least 1 customer and 7 days"):
        synthetic.generate(customers=customers, days=days)


@pytest.mark.parametrize("start", [datetime(2020, 2, 29), datetime(2020, 2, 29, 17, tzinfo=UTC)])  # noqa: DTZ001
def test_the_shop_opens_on_the_given_day(start: datetime) -> None:
    first = frames.clean(synthetic.generate(customers=300, days=60, start=start), "synthetic").report.first
    assert datetime(2020, 2, 29, tzinfo=UTC) <= first < datetime(2020, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize("make", shops())
class TestTheShape:
    """Properties of both shops."""

    def test_saturdays_are_quiet_and_november_is_the_busiest_month(self, make: Callable[[], Dataset]) -> None:
        when = make().transactions["occurred_at"].dt
        assert (when.day_of_week == 5).mean() < 0.01
        assert when.month.value_counts().idxmax() == 11
        assert when.hour.between(6, 21).all()

    def test_a_few_customers_make_most_purchases_and_most_money(self, make: Callable[[], Dataset]) -> None:
        sales = make().transactions.query("kind == 'sale'")
        orders = sales.groupby("customer_id").size().sort_values()
        spent = sales.groupby("customer_id")["amount_units"].sum().sort_values()
        top = len(orders) // 5
        assert orders.median() <= 3 < 5 < orders.mean()
        assert orders.iloc[-top:].sum() > 0.55 * orders.sum()
        assert spent.iloc[-top:].sum() > 0.6 * spent.sum()

    def test_customers_leave_and_new_ones_arrive(self, make: Callable[[], Dataset]) -> None:
        sales = make().transactions.query("kind == 'sale'").groupby("customer_id")["occurred_at"]
        year = make().report.first + pd.Timedelta(days=365)
        known_early = sales.min() < year
        assert 0.5 < known_early.mean() < 0.9
        assert 0.25 < (sales.max()[known_early] < year).mean() < 0.75

    def test_about_one_invoice_in_six_is_a_return_and_some_customers_only_return(
        self, make: Callable[[], Dataset]
    ) -> None:
        report, transactions = make().report, make().transactions
        assert 0.15 < report.returns / report.transactions < 0.21
        buyers = transactions.query("kind == 'sale'")["customer_id"].nunique()
        assert 0 < report.customers - buyers < 0.02 * report.customers

    def test_guests_two_moments_thousandths_and_other_countries_occur(self, make: Callable[[], Dataset]) -> None:
        data = make()
        assert 0.05 < data.report.guest_rows / data.report.rows < 0.3
        assert (kept_rows(data)["price_units"] % 100 != 0).any()
        assert (kept_rows(data)["price_units"] == 0).any()
        shares = data.transactions["country"].value_counts(normalize=True)
        assert shares.index[0] == "United Kingdom"
        assert 0.85 < shares.iloc[0] < 0.95
        assert len(shares) >= 5
        assert 15 < kept_rows(data).groupby("transaction_id").size().mean() < 25
        assert kept_rows(data).duplicated().any(), "equal lines within an invoice"

    def test_two_exports_share_some_days(self, make: Callable[[], Dataset]) -> None:
        report = make().report
        assert report.exports == 2
        assert 0 < report.overlap_rows < 0.05 * report.rows


def test_some_invoices_have_two_moments_a_few_minutes_apart() -> None:
    moments = raw().drop_duplicates(["invoice", "occurred_at"]).groupby("invoice")["occurred_at"].agg(["min", "max"])
    apart = (moments["max"] - moments["min"])[lambda gap: gap > pd.Timedelta(0)]
    assert 5 < len(apart) < 0.01 * len(moments)
    assert apart.max() < pd.Timedelta(minutes=10)


def test_every_returned_product_was_bought_before() -> None:
    lines = kept_rows(shop()).assign(back=lambda frame: frame["transaction_id"].str.startswith("C"))
    sales = lines[~lines["back"]].groupby(["customer_id", "stock_code"])["occurred_at"].min().rename("bought_at")
    buyers = lines.loc[~lines["back"], "customer_id"].unique()
    returns = lines[lines["back"] & lines["customer_id"].isin(buyers)].join(sales, on=["customer_id", "stock_code"])
    assert len(returns) > 1_000
    assert (returns["occurred_at"] >= returns["bought_at"]).all()
    assert (np.sign(lines["quantity"]) == np.where(lines["back"], -1, 1)).all()
