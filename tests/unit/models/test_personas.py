from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.personas import ARCHETYPES, INACTIVE_ARCHETYPE, RANK, is_good, is_slip, match, name_segments
from models.segment_model import ModelError, build, from_json, to_json
from models.units import Floats

EVERY_ARCHETYPE = (*ARCHETYPES, INACTIVE_ARCHETYPE)
PROTOTYPES = np.array([archetype.prototype for archetype in ARCHETYPES])

# What dichromats see: Machado, Oliveira & Fernandes (2009), severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# Linear RGB to Oklab (Ottosson 2020).
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
WHITE, DARK = "#ffffff", "#0e1117"


def linear_rgb(colour: str) -> Floats:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def seen(colour: str, sight: str) -> Floats:
    light = np.clip(SIGHT[sight] @ linear_rgb(colour), 0, 1)
    return 100 * TO_LAB @ np.cbrt(TO_LMS @ light)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""
    dark, light = sorted(float(linear_rgb(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def test_there_are_at_least_ten_personas_without_repetition() -> None:
    assert len(ARCHETYPES) >= 10
    for field in ("id", "name", "description", "colour", "action", "prototype"):
        assert len({getattr(archetype, field) for archetype in EVERY_ARCHETYPE}) == len(EVERY_ARCHETYPE)


def test_a_model_with_every_persona_survives_json() -> None:
    model = build("net", "log1p", (0, 0, 0), (1, 1, 1), name_segments(PROTOTYPES))
    assert from_json(to_json(model)) == model


def test_a_centroid_at_a_prototype_gets_the_persona_of_that_prototype() -> None:
    shuffled = np.random.default_rng(5).permutation(PROTOTYPES)
    named = {segment.id: segment.centroid for segment in name_segments(shuffled)}
    assert named == {archetype.id: archetype.prototype for archetype in ARCHETYPES}


@pytest.mark.parametrize("sight", SIGHT)
def test_all_colours_differ_under_every_colour_blindness(sight: str) -> None:
    # The least distance in the ten-colour cycle of Petroff (2021), which was designed for this, is 6.1.
    for one, other in combinations(EVERY_ARCHETYPE, 2):
        assert np.linalg.norm(seen(one.colour, sight) - seen(other.colour, sight)) > 6.1, (one.id, other.id)


@pytest.mark.parametrize("background", [WHITE, DARK])
def test_every_colour_has_contrast_on_white_and_on_dark(background: str) -> None:
    assert min(contrast(archetype.colour, background) for archetype in EVERY_ARCHETYPE) > 2.2


@given(st.integers(1, len(ARCHETYPES)), st.integers(0, 2**32 - 1))
def test_names_depend_on_centroids_and_not_on_their_order(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    centroids = rng.normal(size=(k, 3)) * rng.choice([1.0, 10.0])
    segments = name_segments(centroids)
    assert name_segments(rng.permutation(centroids)) == segments
    assert {segment.centroid for segment in segments} == set(map(tuple, centroids.tolist()))


@given(st.integers(1, len(ARCHETYPES)), st.integers(0, 2**32 - 1))
def test_segments_are_ordered_by_rank_with_unique_names(k: int, seed: int) -> None:
    ranks = [RANK[segment.id] for segment in name_segments(np.random.default_rng(seed).normal(size=(k, 3)))]
    assert ranks == sorted(set(ranks))
    assert len(ranks) == k


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 20.0]))
def test_the_match_has_the_least_total_cost_of_all(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    points, places = rng.normal(size=(3, 3)) * spread, rng.normal(size=(5, 3)) * spread

    def cost(choice: tuple[int, ...]) -> float:
        gaps = np.arcsinh(points) - np.arcsinh(places[list(choice)])
        return float((gaps**2 @ [3, 1, 1]).sum())

    assert tuple(match(points, places)) == min(permutations(range(5), 3), key=cost)


@pytest.mark.parametrize(
    ("centroids", "names"),
    [
        # Recency, frequency, monetary value of segments of real shops, on a log scale.
        ([(-1.4, 2.2, 1.7), (-0.7, 0.8, 0.8), (-0.8, -0.5, -0.3), (0.7, -0.1, 0.1), (0.9, -0.9, -1.1)],
         ["Champions", "Loyal", "Promising", "At Risk", "Lost"]),
        ([(-0.8, 0.9, 0.8), (0.5, -0.6, -0.6)], ["Loyal", "Hibernating"]),
        ([(-1.1, 1.5, 1.2), (-0.3, 0.0, 0.2), (0.8, -0.8, -0.8)], ["Champions", "Need Attention", "Lost"]),
        ([(-1.2, 1.6, 1.3), (1.0, 1.1, 1.2), (0.4, -0.8, -0.8)], ["Champions", "Can't Lose Them", "Hibernating"]),
        ([(0.7, -0.8, -4.1), (-0.2, 0.1, 0.1)], ["Need Attention", "Returners"]),
        # On the raw scale a few very large customers are far from the mean.
        ([(-0.9, 15.9, 29.9), (-0.8, 1.8, 0.8), (1.3, -0.3, -0.2)], ["Whales", "Loyal", "Hibernating"]),
    ],
)  # fmt: skip
def test_typical_segments_get_the_expected_names(centroids: list[tuple[float, float, float]], names: list[str]) -> None:
    assert [segment.name for segment in name_segments(np.array(centroids))] == names


def test_more_segments_than_personas_are_refused() -> None:
    with pytest.raises(ModelError, match="choose a smaller k"):
        name_segments(np.random.default_rng(1).normal(size=(len(ARCHETYPES) + 1, 3)))


@pytest.mark.parametrize("centroids", [np.zeros((0, 3)), np.zeros((2, 2)), np.zeros(3), np.full((2, 3), np.nan)])
def test_anything_but_a_list_of_finite_points_is_refused(centroids: Floats) -> None:
    with pytest.raises(ModelError, match="k rows of three finite numbers"):
        name_segments(centroids)


def test_good_segments_rank_above_all_others() -> None:
    goodness = [archetype.good for archetype in ARCHETYPES]
    assert goodness == sorted(goodness, reverse=True)
    assert is_good("champions")
    assert not is_good("lost")
    assert not is_good("of_an_older_model")


def test_inactive_ranks_below_all_others_and_is_no_name_of_a_centroid() -> None:
    assert RANK["inactive"] == max(RANK.values()) == len(ARCHETYPES)
    assert is_slip("champions", "inactive")
    assert not is_slip("inactive", "champions")
    segments = name_segments(np.array([INACTIVE_ARCHETYPE.prototype]))
    assert [segment.id for segment in segments] == ["lost"]


def test_a_slip_leads_from_a_good_segment_to_a_lower_rank() -> None:
    assert is_slip("loyal", "at_risk")
    assert is_slip("champions", "loyal")
    assert not is_slip("promising", "loyal")
    assert not is_slip("loyal", "loyal")
    assert not is_slip("at_risk", "lost")
    assert not is_slip(None, "lost")
    assert not is_slip("of_an_older_model", "lost")
