"""The challenger starts as the champion, follows the customers, and its snapshots are valid models."""

import numpy as np
import pytest

from models.drift.challenger import ORIGIN, Challenger
from models.drift.observation import agreement
from models.drift.reference import Population, nearest_centroids, standardised
from models.personas import name_segments
from models.segment_model import SegmentModel, build, from_json, to_json

CENTROIDS = np.array([[-1.2, 1.5, 1.3], [-0.6, -0.3, -0.2], [1.0, -0.8, -0.9]])
MEANS, SCALES = (4.0, 1.0, 6.0), (1.3, 0.8, 1.4)
CHAMPION = build("net", "log1p", MEANS, SCALES, name_segments(CENTROIDS))
MOMENT = "2011-01-01T00:00:00+00:00"


def customers(seed: int, shift: float = 0.0, count: int = 600) -> Population:
    """Customers around the champion's centroids, with money shifted by ``shift`` standard deviations."""
    rng = np.random.default_rng(seed)
    points = CENTROIDS[rng.integers(0, 3, count)] + rng.normal(0, 0.3, (count, 3)) + [0, 0, shift]
    raw = np.expm1(np.maximum(points * SCALES + MEANS, 0.0))
    return Population(raw[:, 0].round().astype(int), np.maximum(raw[:, 1].round(), 1).astype(int), raw[:, 2])


def learnt(shift: float = 0.0, windows: int = 300) -> SegmentModel:
    challenger = Challenger(CHAMPION)
    for window in range(windows):
        challenger.learn(customers(window, shift, 200), seed=window)
    return challenger.model(MOMENT)


def inertia(model: SegmentModel, people: Population) -> float:
    return float(nearest_centroids(model, people).squares.mean())


def test_a_challenger_starts_as_the_champion() -> None:
    assert Challenger(CHAMPION).model(MOMENT).version == CHAMPION.version


def test_a_snapshot_is_a_valid_model_in_the_champions_space() -> None:
    model = learnt(0.5)
    assert from_json(to_json(model)) == model
    assert model.version != CHAMPION.version
    assert (model.means, model.scales, model.transform, model.monetary) == (MEANS, SCALES, "log1p", "net")
    assert {segment.id for segment in model.segments} == {segment.id for segment in CHAMPION.segments}
    assert model.metadata["origin"] == ORIGIN
    assert model.metadata["champion"] == CHAMPION.version


def test_a_challenger_keeps_the_recency_unit_of_its_champion() -> None:
    scales = (1.3, 0.8, 1.4)
    champion = build("net", "log1p", (0.9, 1.0, 6.0), scales, name_segments(CENTROIDS), {"rank_order": True}, 60.0)
    challenger = Challenger(champion)
    assert challenger.model(MOMENT).version == champion.version
    challenger.learn(customers(1), seed=1)
    model = challenger.model(MOMENT)
    assert model.version != champion.version
    assert (model.recency_unit, model.metadata["rank_order"]) == (60.0, True)


def test_a_challenger_stays_in_the_rank_order_of_its_champion() -> None:
    """The best customers become the most silent ones, and their segment is not the most silent one."""
    best_are_silent = Population(np.full(200, 400), np.full(200, 20), np.full(200, 9_000.0))
    found = {}
    for is_ordered in (False, True):
        metadata = {"rank_order": is_ordered, "sizes": {"champions": 10}}
        champion = build("net", "log1p", MEANS, SCALES, name_segments(CENTROIDS), metadata)
        challenger = Challenger(champion)
        for window in range(200):
            challenger.learn(best_are_silent, seed=window)
        model = challenger.model(MOMENT)
        assert from_json(to_json(model)) == model
        found[is_ordered] = bool((np.diff(model.centroids[:, 0]) >= 0).all())
    assert found == {False: False, True: True}


def test_a_challenger_follows_customers_who_have_moved_and_fits_them_better() -> None:
    model, now = learnt(0.5), customers(9_999, 0.5)
    assert inertia(model, now) < 0.9 * inertia(CHAMPION, now)
    moved = model.centroids[:, 2].mean() - CHAMPION.centroids[:, 2].mean()
    assert moved == pytest.approx(0.5, abs=0.15)


def test_a_challenger_agrees_with_the_champion_if_customers_have_not_moved() -> None:
    model, now = learnt(), customers(9_999)
    assert agreement(CHAMPION, nearest_centroids(CHAMPION, now), model, nearest_centroids(model, now)) > 0.97


def test_the_same_customers_give_the_same_model() -> None:
    assert learnt(0.2, 50) == learnt(0.2, 50)


def test_inertia_is_the_mean_squared_distance_to_the_nearest_centroid() -> None:
    people = customers(1)
    points = standardised(CHAMPION, people)
    squared = ((points[:, None] - CHAMPION.centroids[None]) ** 2).sum(axis=2).min(axis=1)
    assert inertia(CHAMPION, people) == pytest.approx(squared.mean())
