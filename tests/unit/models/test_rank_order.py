"""Recency in rank order: time alone never promotes, whatever the model, shown with decay itself."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.decay import next_change
from models.rank_order import in_rank_order
from models.scoring import assign
from models.segment_model import NO_SEGMENT, Segment, build
from models.units import Floats, Ints

SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def clusters(draw: st.DrawFn) -> tuple[Floats, Ints]:
    rng = np.random.default_rng(draw(SEEDS))
    k = draw(st.integers(1, 10))
    return rng.normal(scale=1.3, size=(k, 3)), rng.integers(0, 500, k)


@given(clusters(), SEEDS)
def test_no_customer_of_a_model_in_rank_order_climbs_by_waiting(clusters: tuple[Floats, Ints], seed: int) -> None:
    ordered = in_rank_order(*clusters)
    segments = tuple(
        Segment(f"s{number}", "", "", "#000000", "", (r, f, m)) for number, (r, f, m) in enumerate(ordered.tolist())
    )
    model = build("net", "log1p", (4.0, 1.0, 6.0), (1.5, 0.75, 1.5), segments)
    rng = np.random.default_rng(seed)
    recency, frequency, monetary = rng.integers(0, 800, 40), rng.integers(1, 60, 40), rng.gamma(0.5, 3_000, 40)
    segment = assign(model, recency, frequency, monetary)
    following = next_change(model, segment, recency, frequency, monetary).segment
    assert ((following > segment) | (following == NO_SEGMENT)).all()


@given(clusters())
def test_recencies_are_in_order_and_nothing_else_changes(clusters: tuple[Floats, Ints]) -> None:
    ordered = in_rank_order(*clusters)
    assert (np.diff(ordered[:, 0]) >= 0).all()
    assert (ordered[:, 1:] == clusters[0][:, 1:]).all()


@given(clusters())
def test_recencies_that_are_in_order_stay_as_they_are(clusters: tuple[Floats, Ints]) -> None:
    centroids = clusters[0].copy()
    centroids[:, 0] = np.sort(centroids[:, 0])
    assert (in_rank_order(centroids, clusters[1]) == centroids).all()


@given(clusters())
def test_the_mean_recency_of_all_customers_stays(clusters: tuple[Floats, Ints]) -> None:
    weights = np.maximum(clusters[1], 1)
    before, after = clusters[0][:, 0] @ weights, in_rank_order(*clusters)[:, 0] @ weights
    assert np.isclose(before, after, atol=1e-9 * weights.sum())
