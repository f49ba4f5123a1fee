import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.alignment import align
from models.personas import ARCHETYPES, RANK, name_segments
from models.segment_model import ModelError, Segment, SegmentModel, build
from models.units import Floats

# Centroids of the five segments of a real shop, on a log scale.
CENTROIDS = np.array([(-1.4, 2.2, 1.7), (-0.7, 0.8, 0.8), (-0.8, -0.5, -0.3), (0.7, -0.1, 0.1), (0.9, -0.9, -1.1)])


def champion(segments: tuple[Segment, ...]) -> SegmentModel:
    return build("net", "log1p", (4.0, 1.0, 6.0), (1.0, 1.0, 1.0), segments)


def names(segments: tuple[Segment, ...]) -> dict[tuple[float, ...], str]:
    return {segment.centroid: segment.id for segment in segments}


seeds = st.integers(0, 2**32 - 1)


@given(st.integers(1, len(ARCHETYPES)), seeds)
def test_the_same_centroids_in_any_order_keep_their_names(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = name_segments(rng.normal(size=(k, 3)))
    again = align(rng.permutation([segment.centroid for segment in before]), champion(before))
    assert again == before


@given(st.integers(1, 8), seeds)
def test_segments_that_move_a_little_keep_their_names(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    centroids = rng.normal(size=(k, 3)) * 1.5
    assume(_nearest_distance(centroids) > 1.0)
    before = name_segments(centroids)
    drifted = np.array([segment.centroid for segment in before]) + rng.uniform(-0.1, 0.1, (k, 3))
    after = align(rng.permutation(drifted), champion(before))
    assert names(after) == {tuple(place): segment.id for place, segment in zip(drifted.tolist(), before, strict=True)}


def test_alignment_keeps_a_name_that_naming_without_a_champion_would_change() -> None:
    before = name_segments(CENTROIDS)
    slower = CENTROIDS + np.array([0.25, 0.0, 0.0])
    assert [segment.id for segment in name_segments(slower)] != [segment.id for segment in before]
    assert [segment.id for segment in align(slower, champion(before))] == [segment.id for segment in before]


def test_a_segment_that_has_become_something_else_gets_another_name() -> None:
    before = name_segments(CENTROIDS)
    gone_silent = CENTROIDS.copy()
    gone_silent[1] = (1.0, 1.0, 1.0)
    after = align(gone_silent, champion(before))
    assert {segment.id for segment in before} - {segment.id for segment in after} == {"loyal"}
    assert names(after)[(1.0, 1.0, 1.0)] == "cant_lose"


def test_an_additional_segment_gets_an_unused_name() -> None:
    before = name_segments(CENTROIDS)
    giants = (-1.0, 7.0, 12.0)
    after = names(align(np.vstack([[giants], CENTROIDS]), champion(before)))
    assert after.pop(giants) == "whales"
    assert after == names(before)


def test_fewer_segments_keep_the_names_they_are_nearest_to() -> None:
    before = name_segments(CENTROIDS)
    assert names(align(CENTROIDS[[4, 0]], champion(before))).items() <= names(before).items()


def test_a_custom_segment_keeps_its_name_texts_and_colour() -> None:
    own = Segment("trade", "Trade", "They sell on.", "#123456", "Send the price list.", (-1.4, 2.2, 1.7))
    before = champion((own, *name_segments(CENTROIDS[1:])))
    after = align(CENTROIDS + 0.01, before)
    assert msgspec.structs.replace(after[-1], centroid=own.centroid) == own
    assert [segment.id for segment in after[:-1]] == [segment.id for segment in before.segments[1:]]


@given(st.integers(1, len(ARCHETYPES)), st.integers(1, len(ARCHETYPES)), seeds)
def test_names_are_unique_and_ordered_by_rank_for_every_k(k: int, other: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    after = align(rng.normal(size=(other, 3)), champion(name_segments(rng.normal(size=(k, 3)))))
    ranks = [RANK[segment.id] for segment in after]
    assert ranks == sorted(set(ranks))
    assert len(ranks) == other


def test_invalid_centroids_are_refused() -> None:
    before = champion(name_segments(CENTROIDS))
    for bad in (
        np.zeros((0, 3)),
        np.full((2, 3), np.nan),
        np.random.default_rng(1).normal(size=(len(ARCHETYPES) + 1, 3)),
    ):
        with pytest.raises(ModelError):
            align(bad, before)


def _nearest_distance(points: Floats) -> float:
    if len(points) == 1:
        return np.inf
    gaps = np.linalg.norm(np.arcsinh(points)[:, None] - np.arcsinh(points)[None, :], axis=2)
    return float(gaps[~np.eye(len(points), dtype=bool)].min())
