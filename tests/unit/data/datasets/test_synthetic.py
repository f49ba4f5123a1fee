"""The synthetic shop: it is reproducible and resembles the real dataset."""

import hashlib
import tracemalloc
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
from data.datasets.synthetic import PieceSizes
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


def test_a_seed_always_gives_the_same_rows(tmp_path: Path) -> None:
    synthetic.write(synthetic.generate(customers=60, days=500, seed=3), tmp_path / "shop.csv")
    digest = hashlib.sha256((tmp_path / "shop.csv").read_bytes()).hexdigest()
    assert digest == "b38381ace64d07bde1588c4342189482af0322d479487462b673558fa9ff5623"


@pytest.mark.parametrize("size", [20, 700, 5_000])
def test_rows_do_not_depend_on_the_size_of_the_pieces(size: int) -> None:
    whole = synthetic.generate(customers=60, days=500, seed=3)
    assert whole["export"].nunique() == 2
    shop = synthetic.open_shop(customers=60, days=500, seed=3, sizes=PieceSizes(size, size))
    pieces = list(shop.frames())
    assert len(pieces) > 2
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), whole)
    pd.testing.assert_frame_equal(pd.concat(shop.frames(), ignore_index=True), whole)


@given(st.integers(1, 30), st.sampled_from([7, 100, 380, 700]), st.integers(0, synthetic.MAX_SEED))
@settings(max_examples=examples(20))
def test_a_shop_knows_what_its_rows_will_hold(customers: int, days: int, seed: int) -> None:
    shop = synthetic.open_shop(customers=customers, days=days, seed=seed)
    report = frames.clean(pd.concat(shop.frames()), "synthetic").report
    assert (shop.rows, shop.transactions, shop.customers) == (report.rows, report.transactions, report.customers)


def test_progress_counts_all_lines_of_all_baskets() -> None:
    seen: list[tuple[int, int]] = []
    shop = synthetic.open_shop(customers=60, days=60, progress=lambda done, lines: seen.append((done, lines)))
    assert seen == sorted(seen)
    done, lines = seen[-1]
    assert done == lines <= shop.rows


@pytest.mark.slow
def test_a_shop_needs_few_bytes_for_each_of_its_lines() -> None:
    tracemalloc.start()
    try:
        rows = sum(len(frame) for frame in synthetic.open_shop(customers=20_000, days=365).frames())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows > 1_500_000
    assert peak < 80 * rows, "a row of a frame takes some hundred bytes"


@pytest.mark.slow
@given(st.integers(1, 12), st.integers(7, 800), st.integers(0, 2**32))
@settings(max_examples=examples(40))
def test_a_shop_of_any_size_is_clean_and_has_every_customer(customers: int, days: int, seed: int) -> None:
    source = synthetic.generate(customers=customers, days=days, seed=seed)
    report = frames.clean(source, "synthetic").report
    assert report.customers == customers
    assert datetime(2009, 12, 1, tzinfo=UTC) <= report.first
    assert (report.last - datetime(2009, 12, 1, tzinfo=UTC)).days < days
    assert report.exports == source["export"].nunique() <= 2


@pytest.mark.parametrize(
    ("customers", "days", "seed", "reason"),
    [
        (10**20, 60, 7, "a shop has at most 10,000,000 customers; got 100,000,000,000,000,000,000"),
        (5, 36_501, 7, "a shop has at most 36,500 days; got 36,501"),
        (5, 60, 2**64, "a seed is a number from 0 to 18446744073709551615; got 18446744073709551616"),
        (5, 60, -1, "a seed is a number from 0 to 18446744073709551615; got -1"),
    ],
)
def test_a_size_out_of_bounds_is_refused_in_one_line(customers: int, days: int, seed: int, reason: str) -> None:
    with pytest.raises(DataError, match=f"^{reason}$"):
        synthetic.open_shop(customers=customers, days=days, seed=seed)


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

    @pytest.mark.slow
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
