"""A report under a trailing window, against pandas and numpy on the raw transactions."""

import re
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from batch.explore.chapters import ExploredSource, chapters
from batch.explore.distributions import rfm_distributions
from batch.explore.expiries import expiries, in_spans, what_expires
from batch.explore.finding import Finding
from batch.explore.report import page
from batch.explore.segments import segment_profiles
from batch.fit import FitError, fit
from batch.presets import PRESETS
from batch.profiles import profiles_as_of
from data.datasets import synthetic
from data.datasets.frames import clean
from tests.support.money import POUNDS
from tests.support.shop_rows import sale, shop

WINDOW = 60
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def source() -> ExploredSource:
    return ExploredSource(
        clean(synthetic.generate(customers=250, days=300, seed=6), "a shop"), POUNDS, 4, window_days=WINDOW
    )


@pytest.fixture(scope="module")
def findings(source: ExploredSource) -> dict[str, Finding]:
    return {finding.id: finding for chapter in chapters(source) for finding in chapter.findings}


@pytest.fixture(scope="module")
def customers(source: ExploredSource) -> pd.DataFrame:
    """R, F and M of everybody who has bought, one customer after the other."""
    rows, begins = source.dataset.transactions, source.as_of - WINDOW * DAY
    found = {}
    for customer, own in rows.groupby("customer_id"):
        sales = own[own["kind"] == "sale"]
        if sales.empty:
            continue
        inside = own[own["occurred_at"] > begins]
        is_sale = inside["kind"] == "sale"
        amounts = inside["amount_units"].where(is_sale, -inside["amount_units"])
        days = (source.as_of - sales["occurred_at"].max()).days
        found[customer] = (days, int(is_sale.sum()), max(int(amounts.sum()), 0) / 10_000)
    return pd.DataFrame.from_dict(found, orient="index", columns=["recency", "frequency", "monetary"])


def decided(source: ExploredSource, customers: pd.DataFrame) -> pd.Series:
    """The segment of everybody, by distances to all centroids but the last, which is that of Inactive."""
    model = source.model
    shaped = np.log1p(customers.to_numpy(dtype=float) / np.array([model.recency_unit, 1, 1]))
    points = (shaped - np.array(model.means)) / np.array(model.scales)
    centroids = np.array([segment.centroid for segment in model.segments[:-1]])
    nearest = ((points[:, None] - centroids[None]) ** 2).sum(axis=2).argmin(axis=1)
    ids = np.array([segment.id for segment in model.segments])
    return pd.Series(np.where(customers["frequency"] > 0, ids[nearest], "inactive"), index=customers.index)


def test_the_numbers_of_the_segments_are_those_of_pandas(source: ExploredSource, customers: pd.DataFrame) -> None:
    segment = decided(source, customers)
    frame = segment_profiles(source.customers)
    groups = customers.groupby(segment)
    assert frame["customers"].to_dict() == groups.size().reindex(frame.index, fill_value=0).to_dict()
    assert 0 < frame["customers"]["inactive"] < len(customers)
    pd.testing.assert_frame_equal(
        frame[[*customers.columns]], groups.mean().reindex(frame.index), check_dtype=False, check_names=False
    )
    shares = groups["monetary"].sum() / customers["monetary"].sum()
    pd.testing.assert_series_equal(frame["money_share"], shares.reindex(frame.index), check_names=False)


def test_the_segments_are_those_of_a_fit_with_the_same_window(source: ExploredSource) -> None:
    profiles = profiles_as_of(source.dataset.transactions, source.as_of, WINDOW)
    fitted = fit(profiles, **PRESETS["segue"]._replace(k=4, window_days=WINDOW)._asdict()).model
    assert source.model.version == fitted.version


def test_what_expires_on_each_day_is_what_happened_a_window_before(source: ExploredSource) -> None:
    rows = source.dataset.transactions
    found = expiries(source.dataset, source.as_of, WINDOW)
    last = rows[rows["kind"] == "sale"].groupby("customer_id")["occurred_at"].max()
    for day, row in found.iterrows():
        begin = source.as_of + (int(str(day)) - WINDOW) * DAY
        # What happened exactly a window before the moment has left already.
        after = rows["occurred_at"] > begin if day == 0 else rows["occurred_at"] >= begin
        gone = rows[after & (rows["occurred_at"] < begin + DAY)]
        is_sale = gone["kind"] == "sale"
        assert row["orders"] == is_sale.sum()
        assert row["returns"] == (~is_sale).sum()
        net = gone["amount_units"].where(is_sale, -gone["amount_units"]).sum()
        assert row["net"] == pytest.approx(net / 10_000)
        assert row["customers"] == ((last >= begin) & (last < begin + DAY)).sum()
    assert found["customers"].sum() == (source.profiles["frequency"] > 0).sum()


@pytest.mark.parametrize("days", [1, 2, 7, 100])
def test_longer_spans_add_up_days(days: int, source: ExploredSource) -> None:
    by_day = expiries(source.dataset, source.as_of, WINDOW)
    spans = in_spans(by_day, days)
    assert spans.index.tolist() == [*range(0, len(by_day), days)]
    for begin, row in spans.iterrows():
        inside = by_day.iloc[int(str(begin)) : int(str(begin)) + days]
        assert row.tolist() == pytest.approx([inside[name].sum() for name in by_day])


def test_the_report_says_what_counts(source: ExploredSource, findings: dict[str, Finding]) -> None:
    html = page(source, list(chapters(source)))
    assert f"Frequency, money and segments count the {WINDOW} days before" in html
    assert f"frequency and money in the last {WINDOW} days" in html
    inactive = int((source.profiles["frequency"] == 0).sum())
    assert f"fitted on {len(source.profiles) - inactive} customers as of" in html
    assert f"{inactive:,} more customers without one are Inactive" in findings["rfm"].note
    for name in ("snake", "cloud"):
        assert "Inactive customers, who have none, are left out" in findings[name].note
        assert "Inactive" not in [trace.name for trace in findings[name].figure.data]  # type: ignore[union-attr]
    assert "Inactive" in findings["segments"].table["segment"].tolist()  # type: ignore[index]


def test_the_sentence_about_expiries_counts_thirty_days(source: ExploredSource) -> None:
    rows = source.dataset.transactions
    until = source.as_of + timedelta(days=30 - WINDOW)
    gone = rows[(rows["occurred_at"] > source.as_of - WINDOW * DAY) & (rows["occurred_at"] < until)]
    summary = what_expires(source.dataset, source.as_of, WINDOW, POUNDS).summary
    number = re.search(r"no customer buys, the window loses ([\d,]+) orders?", summary)
    assert number is not None
    assert int(number[1].replace(",", "")) == (gone["kind"] == "sale").sum() > 0


def test_a_window_longer_than_the_data_counts_everything() -> None:
    dataset = clean(synthetic.generate(customers=80, days=60, seed=2), "a shop")
    lifetime, windowed = ExploredSource(dataset, POUNDS, 3), ExploredSource(dataset, POUNDS, 3, window_days=400)
    frame = segment_profiles(windowed.customers)
    assert frame["customers"].tolist() == [*segment_profiles(lifetime.customers)["customers"], 0]
    table = {finding.id: finding for chapter in chapters(windowed) for finding in chapter.findings}["segments"].table
    assert table is not None
    assert table.iloc[-1].tolist() == ["Inactive", "0", "0%", "0%", "–", "–", "–"]


def test_without_a_window_the_report_is_about_everything() -> None:
    source = ExploredSource(clean(synthetic.generate(customers=80, days=60, seed=2), "a shop"), POUNDS, 3)
    found = list(chapters(source))
    assert "expiries" not in {finding.id for chapter in found for finding in chapter.findings}
    assert "Inactive" not in page(source, found)
    assert "in the last" not in rfm_distributions(source.profiles, "net", POUNDS).summary


def test_a_window_without_an_order_is_refused() -> None:
    dataset = shop(sale("1", "a", "2010-01-01 10:00", 5))
    with pytest.raises(FitError, match="no customer has spent anything net of returns in the last day"):
        list(chapters(ExploredSource(dataset, POUNDS, 2, window_days=1)))
