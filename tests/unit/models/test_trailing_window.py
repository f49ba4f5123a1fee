import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decay import NEVER, next_change
from models.drift.challenger import Challenger
from models.drift.reference import Population, nearest_centroids
from models.goal_seek import smallest_purchases
from models.scoring import assign
from models.segment_model import NO_SEGMENT, ModelError, build, from_json, to_json
from models.trailing_window import with_window
from tests.support.builders import random_model, random_profiles, segments_at

WINDOWS = st.integers(1, 36_500)
SEEDS = st.integers(0, 2**32 - 1)


@given(st.sampled_from(["log1p", "identity"]), st.integers(1, 8), SEEDS, WINDOWS, SEEDS)
def test_a_customer_with_a_purchase_in_the_window_is_scored_as_without_one(
    transform: str, k: int, fitted: int, window: int, who: int
) -> None:
    model = random_model(transform, k, fitted, 60.0)  # type: ignore[arg-type]
    windowed = with_window(model, window)
    recency, frequency, monetary = random_profiles(20, who)
    segment = assign(windowed, recency, frequency, monetary)
    assert (segment == assign(model, recency, frequency, monetary)).all()
    for mine, theirs in zip(
        next_change(windowed, segment, recency, frequency, monetary),
        next_change(model, segment, recency, frequency, monetary),
        strict=True,
    ):
        assert (mine == theirs).all()
    population = Population(recency, frequency, monetary)
    assert (nearest_centroids(windowed, population).squares == nearest_centroids(model, population).squares).all()
    assert smallest_purchases(windowed, 3, 10**7, 0, 100) == smallest_purchases(model, 3, 10**7, 0, 100)


@given(st.integers(1, 8), SEEDS, WINDOWS, st.integers(0, 100_000), st.floats(0, 10**6))
def test_a_customer_without_one_is_inactive_wherever_the_centroids_are_and_stays_so(
    k: int, seed: int, window: int, recency: int, monetary: float
) -> None:
    model = with_window(random_model("log1p", k, seed), window)
    # Beside a customer with purchases, who is scored by the same call.
    days, frequency, money = np.array([recency, recency]), np.array([0, 3]), np.array([monetary, monetary])
    segment = assign(model, days, frequency, money)
    assert model.segments[segment[0]].id == "inactive"
    assert model.segments[segment[1]].id != "inactive"
    found = next_change(model, segment, days, frequency, money)
    assert (found.recency_days[0], found.segment[0]) == (NEVER, NO_SEGMENT)
    alone = next_change(model, segment[1:], days[1:], frequency[1:], money[1:])
    assert (found.recency_days[1], found.segment[1]) == (alone.recency_days[0], alone.segment[0])


def test_the_centroid_of_inactive_customers_is_where_they_begin_to_be_so() -> None:
    model = with_window(build("net", "log1p", (2, 1, 3), (2, 0.5, 1.5), segments_at((0, 0, 0)), recency_unit=60), 365)
    assert from_json(to_json(model)) == model
    assert model.segments[-1].centroid == ((np.log1p(365 / 60) - 2) / 2, -2.0, -2.0)


def test_a_centroid_may_be_where_inactive_customers_begin() -> None:
    model = with_window(build("net", "identity", (0, 0, 0), (1, 1, 1), segments_at((7, 0, 0))), 7)
    assert assign(model, np.array([7, 7]), np.array([1, 0]), np.zeros(2)).tolist() == [0, 1]


def test_the_challenger_of_a_champion_with_a_window_has_the_same_window() -> None:
    champion = with_window(random_model("log1p", 4, 1), 365)
    challenger = Challenger(champion)
    challenger.learn(Population(*random_profiles(100, 2)), seed=3)
    found = challenger.model("2011-12-10")
    assert found.window_days == 365
    assert found.segments[-1] == champion.segments[-1]
    assert found.version != champion.version


@pytest.mark.parametrize("window", [0, -1, 36_501])
def test_a_window_that_is_none_is_refused(window: int) -> None:
    with pytest.raises(ModelError, match="a window has from 1 to 36,500 days"):
        with_window(random_model("log1p", 2, 1), window)


def test_a_model_has_one_window_at_most() -> None:
    with pytest.raises(ModelError, match="same id"):
        with_window(with_window(random_model("log1p", 2, 1), 7), 7)
