from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from batch.fit import FitError, FitResult, direction_of, fit
from batch.pipeline import sklearn_pipeline
from batch.presets import PRESETS
from batch.profiles import features, profiles_as_of
from models.personas import ARCHETYPES, RANK, is_good
from models.scoring import assign, monetary_value
from models.segment_model import Monetary, SegmentModel, Transform, from_json, to_json
from models.typical import typical_of
from models.units import Ints
from tests.support.retail import REAL, retail

CASES: list[tuple[Transform, Monetary, float]] = [
    ("log1p", "net", 1.0),
    ("log1p", "gross", 1.0),
    ("identity", "net", 1.0),
    ("identity", "gross", 1.0),
    ("log1p", "net", 60.0),
    ("identity", "net", 60.0),
]


@cache
def everybody() -> pd.DataFrame:
    """Profiles as of one day after the last transaction."""
    transactions = retail().transactions
    return profiles_as_of(transactions, transactions["occurred_at"].max() + timedelta(days=1))


@cache
def fitted(transform: Transform = "log1p", monetary: Monetary = "net", unit: float = 1.0) -> FitResult:
    return fit(everybody(), transform=transform, monetary=monetary, recency_unit=unit)


@pytest.fixture
def profiles() -> pd.DataFrame:
    return everybody()


def assigned(model: SegmentModel, profiles: pd.DataFrame) -> Ints:
    counts = (profiles[name].to_numpy() for name in ("recency_days", "frequency", "gross_units", "returned_units"))
    recency, frequency, gross, returned = counts
    return assign(model, recency, frequency, monetary_value(model, gross, returned))


@pytest.mark.skipif(not REAL.exists(), reason="needs the real dataset")
def test_the_real_customers_are_in_the_five_known_segments() -> None:
    summary = fitted().summary
    assert dict(zip(summary["persona"], summary["size"], strict=True)) == {
        "Champions": 468,
        "Loyal": 1_309,
        "Promising": 1_147,
        "At Risk": 1_393,
        "Lost": 1_564,
    }


@pytest.mark.parametrize("k", range(2, 11))
def test_names_describe_the_behaviour_of_customers_for_every_k(profiles: pd.DataFrame, k: int) -> None:
    summary = fit(profiles, k=k).summary
    good = np.array([is_good(segment) for segment in summary.index])
    assert summary.loc[good, "recency"].max() < summary.loc[~good, "recency"].min()
    assert summary.index[0] in ("whales", "superfans", "champions", "loyal")
    assert summary["frequency"].idxmax() == summary["monetary"].idxmax() == summary.index[0]
    assert summary.index.map(RANK.get).is_monotonic_increasing


@pytest.mark.skipif(not REAL.exists(), reason="needs the real dataset")
def test_the_direction_of_a_fit_of_the_real_customers_is_that_of_the_page() -> None:
    profiles = profiles_as_of(retail().transactions, datetime(2011, 12, 9, tzinfo=UTC))
    found = direction_of(fit(profiles, **PRESETS["segue"]._asdict()).model, profiles)
    assert found.climb_share < 0.01
    assert found.fall_share < 0.01
    said = f"{found.climb_share:.1%} climb to a better segment; of those by a purchase {found.fall_share:.1%} fall"
    assert said in (Path(__file__).parents[3] / "docs/segments.md").read_text()


def test_a_fit_records_what_is_typical_of_each_segment(profiles: pd.DataFrame) -> None:
    model = fitted().model
    table, segments = features(profiles, "net"), assigned(fitted().model, profiles)
    again = from_json(to_json(model))
    assert again == model
    for number, segment in enumerate(model.segments):
        own, typical = table[segments == number], typical_of(again, segment.id)
        assert typical is not None
        assert own["recency"].between(typical.recency.low, typical.recency.high).mean() >= 0.8
        assert own["monetary"].between(typical.monetary.least, typical.monetary.most).mean() >= 0.98


@pytest.mark.parametrize("k", [5, 9])
def test_in_rank_order_neither_time_climbs_nor_a_purchase_falls(profiles: pd.DataFrame, k: int) -> None:
    result = fit(profiles, k=k, rank_order=True)
    direction = direction_of(result.model, profiles)
    assert direction.by_time > 0
    assert direction.climbs == 0
    assert direction.fall_share < 0.01
    assert (np.diff(result.model.centroids[:, 0]) >= 0).all()
    segments = assigned(result.model, profiles)
    np.testing.assert_array_equal(segments, result.pipeline.predict(features(profiles, "net").to_numpy()))
    assert np.bincount(segments).tolist() == result.summary["size"].tolist()


def test_rank_order_leaves_a_model_that_is_in_order_as_it_is(profiles: pd.DataFrame) -> None:
    plain, ordered = fit(profiles, k=3), fit(profiles, k=3, rank_order=True)
    direction = direction_of(plain.model, profiles)
    assert (direction.climbs, direction.falls) == (0, 0)
    assert ordered.model.version == plain.model.version
    assert ordered.model.metadata["inertia"] == pytest.approx(plain.model.metadata["inertia"])


@pytest.mark.parametrize(("transform", "monetary", "unit"), CASES)
def test_scorer_fitted_pipeline_and_rebuilt_pipeline_agree_on_every_customer(
    profiles: pd.DataFrame, transform: Transform, monetary: Monetary, unit: float
) -> None:
    result = fitted(transform, monetary, unit)
    points = features(profiles, monetary).to_numpy()
    segments = assigned(result.model, profiles)
    np.testing.assert_array_equal(segments, result.pipeline.predict(points))
    np.testing.assert_array_equal(segments, sklearn_pipeline(result.model).predict(points))
    np.testing.assert_array_equal(segments, result.pipeline[-1].labels_)
    assert np.bincount(segments).tolist() == list(result.model.metadata["sizes"].values())


@pytest.mark.parametrize(("transform", "monetary", "unit"), CASES)
def test_scorer_and_pipelines_agree_on_a_hundred_thousand_random_customers(
    transform: Transform, monetary: Monetary, unit: float
) -> None:
    result = fitted(transform, monetary, unit)
    rng = np.random.default_rng(7)
    recency, frequency = rng.integers(0, 2_000, 100_000), rng.integers(1, 500, 100_000)
    gross, returned = (10_000 * rng.gamma(0.4, 8_000, (2, 100_000))).astype(np.int64)
    money = monetary_value(result.model, gross, returned)
    points = np.column_stack([recency, frequency, money])
    segments = assign(result.model, recency, frequency, money)
    np.testing.assert_array_equal(segments, result.pipeline.predict(points))
    np.testing.assert_array_equal(segments, sklearn_pipeline(result.model).predict(points))


@pytest.mark.parametrize(("transform", "unit"), [("log1p", 1.0), ("identity", 1.0), ("log1p", 60.0)])
def test_the_fit_is_kmeans_on_standardised_features(profiles: pd.DataFrame, transform: Transform, unit: float) -> None:
    net = (profiles["gross_units"] - profiles["returned_units"]).clip(lower=0) / 10_000
    raw = np.column_stack([profiles["recency_days"] / unit, profiles["frequency"], net]).astype(float)
    standardised = StandardScaler().fit_transform(np.log1p(raw) if transform == "log1p" else raw)
    by_hand = KMeans(5, n_init=10, random_state=42).fit(standardised)
    model = fitted(transform, "net", unit).model
    order = np.lexsort(by_hand.cluster_centers_.T)
    ours = model.centroids[np.lexsort(model.centroids.T)]
    np.testing.assert_allclose(ours, by_hand.cluster_centers_[order], rtol=1e-9)
    assert model.metadata["inertia"] == pytest.approx(by_hand.inertia_)


def test_the_summary_has_the_size_and_means_of_each_segment(profiles: pd.DataFrame) -> None:
    result = fitted()
    expected = features(profiles, "net").groupby(assigned(result.model, profiles)).mean()
    np.testing.assert_allclose(result.summary[["recency", "frequency", "monetary"]], expected)
    assert result.summary.index.tolist() == [segment.id for segment in result.model.segments]
    assert result.summary["persona"].tolist() == [segment.name for segment in result.model.segments]
    assert result.summary["size"].sum() == len(profiles)


def test_the_same_profiles_give_the_same_version(profiles: pd.DataFrame) -> None:
    assert fit(profiles).model == fitted().model
    assert fitted().model.version != fitted(monetary="gross").model.version


def test_the_model_has_its_origin_in_the_metadata_and_survives_json(profiles: pd.DataFrame) -> None:
    model = fit(profiles, k=4, seed=7, metadata={"dataset": "a shop", "cutoff": "2011-12-10"}).model
    assert model.metadata.items() >= {"dataset": "a shop", "cutoff": "2011-12-10", "k": 4, "seed": 7}.items()
    assert model.metadata["customers"] == sum(model.metadata["sizes"].values()) == len(profiles)
    assert model.metadata["first_purchase_at"] < model.metadata["last_purchase_at"]
    assert -1 <= model.metadata["silhouette"] <= 1
    assert model.metadata["libraries"].keys() == {"numpy", "pandas", "scikit-learn", "scipy"}
    assert from_json(to_json(model)) == model


def test_a_shop_where_all_customers_came_today_has_segments(profiles: pd.DataFrame) -> None:
    result = fit(profiles.assign(recency_days=0), k=3)
    assert (result.summary["size"] > 0).all()


@pytest.mark.parametrize("customers", [1, 2])
def test_a_single_segment_needs_only_one_customer_and_has_no_silhouette(profiles: pd.DataFrame, customers: int) -> None:
    result = fit(profiles.head(customers), k=1)
    assert result.summary["size"].tolist() == [customers]
    assert result.model.metadata["silhouette"] is None


@pytest.mark.parametrize("k", [0, -1, len(ARCHETYPES) + 1])
def test_a_number_of_segments_out_of_range_is_refused(profiles: pd.DataFrame, k: int) -> None:
    with pytest.raises(FitError, match="k must be from 1 to"):
        fit(profiles, k=k)


def test_too_few_different_customers_are_refused(profiles: pd.DataFrame) -> None:
    with pytest.raises(FitError, match="5 segments need at least 5 different customers, but there are 4"):
        fit(profiles.head(4))
    twins = pd.concat([profiles.head(2)] * 10, ignore_index=True)
    with pytest.raises(FitError, match="there are 2"):
        fit(twins, k=3)
    with pytest.raises(FitError, match="there are 0"):
        fit(profiles.head(0), k=1)


@pytest.mark.parametrize(("column", "value"), [("recency_days", np.nan), ("frequency", np.inf), ("recency_days", -1)])
def test_invalid_numbers_are_refused(profiles: pd.DataFrame, column: str, value: float) -> None:
    broken = profiles.astype({column: "float64"})
    broken.loc[broken.index[3], column] = value
    with pytest.raises(FitError, match="profiles have"):
        fit(broken)
