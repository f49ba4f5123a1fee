"""The classic preset, against a few lines of pandas on the file itself, as in published notebooks."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from batch.fit import FitResult, fit
from batch.presets import PRESETS, classic_profiles
from data.datasets import synthetic
from data.datasets.frames import frame
from data.datasets.load import load
from tests.support.retail import REAL


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if REAL.exists():
        return REAL
    made: Path = tmp_path_factory.mktemp("shop") / "shop.csv"
    synthetic.write(synthetic.generate(customers=800, seed=3), made)
    return made


@pytest.fixture(scope="module")
def published(file: Path) -> pd.DataFrame:
    """R, F, M and the cluster of every customer by customer id."""
    raw = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file, parse_dates=["InvoiceDate"])
    sales = raw.dropna(subset=["Customer ID"])
    sales = sales[sales["Quantity"] > 0]
    sales = sales.assign(Total=sales["Quantity"] * sales["Price"].astype(float))
    snapshot = sales["InvoiceDate"].max() + timedelta(days=1)
    rfm = sales.groupby("Customer ID").agg(
        Recency=("InvoiceDate", lambda dates: (snapshot - dates.max()).days),
        Frequency=("Invoice", "nunique"),
        Monetary=("Total", "sum"),
    )
    clusters = KMeans(n_clusters=5, random_state=42, n_init="auto").fit_predict(StandardScaler().fit_transform(rfm))
    return rfm.set_index(rfm.index.astype(int)).assign(Cluster=clusters).sort_index()


@pytest.fixture(scope="module")
def ours(file: Path) -> tuple[pd.DataFrame, FitResult]:
    profiles, _ = classic_profiles(load(file))
    return profiles, fit(profiles, **PRESETS["classic"]._asdict())


@pytest.mark.slow
def test_every_customer_has_the_published_recency_frequency_and_monetary_value(
    published: pd.DataFrame, ours: tuple[pd.DataFrame, FitResult]
) -> None:
    profiles = ours[0].set_index(ours[0].index.astype(int)).sort_index()
    assert profiles.index.tolist() == published.index.tolist()
    assert profiles["recency_days"].tolist() == published["Recency"].tolist()
    assert profiles["frequency"].tolist() == published["Frequency"].tolist()
    np.testing.assert_allclose(profiles["gross_units"] / 10_000, published["Monetary"])


@pytest.mark.slow
def test_every_customer_is_in_the_published_cluster(
    published: pd.DataFrame, ours: tuple[pd.DataFrame, FitResult]
) -> None:
    profiles, result = ours
    labels = pd.Series(result.pipeline[-1].labels_, profiles.index.astype(int)).sort_index()
    pairs = pd.crosstab(labels, published["Cluster"])
    assert ((pairs > 0).sum(axis=0) == 1).all()
    assert ((pairs > 0).sum(axis=1) == 1).all()


@pytest.mark.slow
def test_sizes_and_means_are_the_published_ones(published: pd.DataFrame, ours: tuple[pd.DataFrame, FitResult]) -> None:
    expected = published.groupby("Cluster").agg(
        size=("Recency", "size"),
        recency=("Recency", "mean"),
        frequency=("Frequency", "mean"),
        monetary=("Monetary", "mean"),
    )
    columns = ["size", "recency", "frequency", "monetary"]
    found = ours[1].summary[columns].sort_values("monetary").to_numpy(dtype=float)
    np.testing.assert_allclose(found, expected.sort_values("monetary").to_numpy(dtype=float), rtol=1e-9)


@pytest.mark.skipif(not REAL.exists(), reason="needs the real dataset")
def test_two_customers_form_a_cluster(ours: tuple[pd.DataFrame, FitResult]) -> None:
    summary = ours[1].summary
    assert len(ours[0]) == 5_881
    assert dict(zip(summary["persona"], summary["size"], strict=True)) == {
        "Whales": 2,
        "Superfans": 17,
        "Loyal": 314,
        "Promising": 3_619,
        "Hibernating": 1_929,
    }


@pytest.mark.slow
def test_the_as_of_time_is_one_day_after_the_last_sale(file: Path) -> None:
    dataset = load(file)
    _, as_of = classic_profiles(dataset)
    raw = frame(dataset)
    sold = raw[raw["customer"].notna() & (raw["quantity"] > 0)]["occurred_at"].max()
    assert as_of == sold + timedelta(days=1)
