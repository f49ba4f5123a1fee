from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import skew as scipy_skew

from batch.choose_k import KChoice
from batch.explore.chapters import ExploredSource
from batch.explore.distributions import histograms, rfm_distributions, skewness
from batch.explore.k_curve import elbow, separation, silhouettes, stability
from batch.explore.segments import cloud, sampled, segment_profiles, segment_table, segmented, snake_plot
from batch.fit import fit
from batch.presets import PRESETS
from batch.profiles import features, profiles_as_of
from models.personas import ARCHETYPES
from tests.support.money import POUNDS
from tests.support.retail import retail


@pytest.fixture(scope="module")
def source() -> ExploredSource:
    return ExploredSource(retail(), POUNDS)


@pytest.mark.slow
def test_every_customer_is_in_one_bin_of_each_histogram(source: ExploredSource) -> None:
    table = features(source.profiles, "net")
    bins = histograms(table)
    sums = bins.groupby(["feature", "scale"])["customers"].sum()
    assert len(sums) == 6
    assert (sums == len(table)).all()
    area = bins["density"] * (bins["right"] - bins["left"])
    np.testing.assert_allclose(area.groupby([bins["feature"], bins["scale"]]).sum(), 1)


@pytest.mark.slow
def test_bins_of_integers_contain_the_integers_of_their_labels(source: ExploredSource) -> None:
    table = features(source.profiles, "net")
    bins = histograms(table)
    for feature in ("recency", "frequency"):
        row: Any
        for row in bins[bins["feature"] == feature].itertuples():
            assert row.customers == table[feature].between(row.low, row.high).sum()


@pytest.mark.slow
def test_skewness_equals_that_of_scipy(source: ExploredSource) -> None:
    table = features(source.profiles, "net")
    skew = skewness(table)
    for feature in table.columns:
        assert skew["raw"][feature] == pytest.approx(scipy_skew(table[feature], bias=False))
        assert skew["log1p"][feature] == pytest.approx(scipy_skew(np.log1p(table[feature]), bias=False))
    assert f"spent £{table['monetary'].median():,.0f}" in rfm_distributions(source.profiles, "net", POUNDS).summary


@pytest.mark.slow
def test_the_curves_are_those_of_the_choice(source: ExploredSource) -> None:
    for finding, column in (
        (elbow, "inertia"),
        (silhouettes, "silhouette"),
        (separation, "davies_bouldin"),
        (stability, "stability"),
    ):
        shown = finding(source.choice, source.k)
        assert shown.figure is not None
        line, ring = shown.figure.data
        assert dict(zip(line.x, line.y, strict=True)) == source.choice.curve[column].to_dict()
        assert (list(ring.x), list(ring.y)) == ([source.k], [source.choice.curve[column][source.k]])


def test_summaries_about_k_agree_with_the_curves() -> None:
    curve = pd.DataFrame(
        {
            "inertia": [100.0, 60.0, 30.0],
            "silhouette": [0.4, 0.5, 0.3],
            "davies_bouldin": [0.9, 0.8, 0.7],
            "stability": [0.95, 0.91, 0.85],
        },
        index=pd.Index([2, 3, 4], name="k"),
    )
    choice = KChoice(4, "k = 4: because.", curve)
    assert elbow(choice, 4).summary == "k = 4: because. Going from 3 to 4 lowers the inertia by 50%."
    assert elbow(choice, 2).summary == "k = 4: because."
    assert silhouettes(choice, 4).summary == "The best value is at k = 3 (0.50); k = 4 has 0.30."
    assert separation(choice, 4).summary == "The best value is at k = 4 (0.70)."
    assert stability(KChoice(4, "", curve.assign(stability=np.nan)), 4).figure is None


@pytest.mark.slow
def test_segment_profiles_agree_with_the_fitted_pipeline(source: ExploredSource) -> None:
    default = PRESETS["segue"]._replace(k=source.k)._asdict()
    result = fit(profiles_as_of(retail().transactions, retail().report.last + timedelta(days=1)), **default)
    assert source.model.version == result.model.version
    table = features(source.profiles, "net")
    numbers = result.pipeline.predict(table.to_numpy())
    scores = result.pipeline[:-1].transform(table.to_numpy())
    frame = segment_profiles(source.customers)
    for number, row in enumerate(frame.itertuples()):
        mine = numbers == number
        assert row.customers == mine.sum()
        assert row.money_share == pytest.approx(table["monetary"][mine].sum() / table["monetary"].sum())
        means = (row.recency, row.frequency, row.monetary)
        assert means == pytest.approx(table[mine].mean().tolist())
        assert (row.z_recency, row.z_frequency, row.z_monetary) == pytest.approx(scores[mine].mean(axis=0).tolist())
    assert frame["share"].sum() == pytest.approx(1)


@pytest.mark.slow
def test_every_figure_uses_the_colours_of_the_personas(source: ExploredSource) -> None:
    colours = {archetype.name: archetype.colour for archetype in ARCHETYPES}
    snake, points = snake_plot(source.customers, POUNDS).figure, cloud(source.customers, POUNDS).figure
    assert snake is not None
    assert points is not None
    assert len(snake.data) == len(points.data) == source.k
    for line, marks in zip(snake.data, points.data, strict=True):
        assert line.line.color == marks.marker.color == colours[line.name]
    table = segment_table(source.customers, POUNDS).table
    assert table is not None
    assert table["segment"].tolist() == [line.name for line in snake.data]


@pytest.mark.slow
def test_a_sample_is_bounded_and_the_same_for_the_same_seed(source: ExploredSource) -> None:
    first, again = (sampled(source.customers, 100, seed=1) for _ in range(2))
    assert len(first) == 100
    assert first.index.is_unique
    pd.testing.assert_frame_equal(first, again)
    assert set(first["segment"]) == set(source.customers.table["segment"])
    assert len(sampled(source.customers, 10**9, seed=1)) == len(source.profiles)


@pytest.mark.slow
def test_a_segment_of_two_customers_is_in_the_sample() -> None:
    profiles = retail_profiles()
    largest = profiles["gross_units"].nlargest(2).index
    profiles.loc[largest, "gross_units"] = 100 * profiles["gross_units"].max()
    giants = segmented(profiles, fit(profiles, k=5, monetary="gross", transform="identity").model)
    sizes = giants.table["segment"].value_counts()
    small = sizes[sizes <= 25]
    assert len(small)
    shown = sampled(giants, 200, seed=1)["segment"].value_counts()
    assert shown[small.index].to_dict() == small.to_dict()


def retail_profiles() -> pd.DataFrame:
    return profiles_as_of(retail().transactions, retail().report.last + timedelta(days=1))
