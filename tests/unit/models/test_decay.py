"""The closed form against brute force: a customer who waits is scored on every single day."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decay import HORIZON_DAYS, NEVER, next_change
from models.scoring import assign
from models.segment_model import NO_SEGMENT, Segment, SegmentModel, Transform, build
from models.units import Floats, Ints

DAYS = 3_000
SEEDS = st.integers(0, 2**32 - 1)
TRANSFORMS: st.SearchStrategy[Transform] = st.sampled_from(["log1p", "identity"])
UNITS = st.sampled_from([1.0, 1.0, 0.3, 7.0, 60.0, 1_000.0])
# Eighths are exact in binary, so that on the identity scale customers can be exactly on a border.
EIGHTHS = st.integers(-24, 24).map(lambda eighths: eighths / 8)


def model_of(transform: Transform, centroids: Floats, unit: float = 1.0) -> SegmentModel:
    means, scales = (
        ((4.0, 1.0, 6.0), (1.5, 0.75, 1.5)) if transform == "log1p" else ((200.0, 5.0, 1500.0), (128.0, 8.0, 2048.0))
    )
    if unit != 1:
        # About the same days as without a unit, so that many customers still change within the days that are tried.
        at = (math.log1p(90 / unit), math.log1p(700 / unit)) if transform == "log1p" else (200 / unit, 328 / unit)
        means, scales = (at[0], *means[1:]), (at[1] - at[0], *scales[1:])
    segments = tuple(
        Segment(f"s{number}", f"Segment {number}", "", "#000000", "", (r, f, m))
        for number, (r, f, m) in enumerate(centroids.tolist())
    )
    return build("net", transform, means, scales, segments, recency_unit=unit)


@st.composite
def random_models(draw: st.DrawFn) -> SegmentModel:
    k = draw(st.integers(1, 10))
    centroids = np.random.default_rng(draw(SEEDS)).normal(scale=1.3, size=(k, 3))
    return model_of(draw(TRANSFORMS), centroids, draw(UNITS))


@st.composite
def models_on_a_grid(draw: st.DrawFn) -> SegmentModel:
    points = draw(st.lists(st.tuples(EIGHTHS, EIGHTHS, EIGHTHS), min_size=1, max_size=10, unique=True))
    return model_of(draw(TRANSFORMS), np.array(points), draw(UNITS))


@st.composite
def models_with_twins(draw: st.DrawFn) -> SegmentModel:
    """Some centroids almost coincide, in recency only or in all features."""
    rng = np.random.default_rng(draw(SEEDS))
    k = draw(st.integers(2, 10))
    centroids = rng.normal(scale=1.3, size=(k, 3))
    twins = draw(st.integers(2, k))
    shift = 10.0 ** -draw(st.integers(3, 14)) * rng.normal(size=(twins, 3))
    features = slice(0, 1) if draw(st.booleans()) else slice(0, 3)
    centroids[:twins, features] = (centroids[0] + shift)[:, features]
    return model_of(draw(TRANSFORMS), np.unique(centroids, axis=0), draw(UNITS))


def customers(seed: int, count: int) -> tuple[Ints, Ints, Floats]:
    rng = np.random.default_rng(seed)
    monetary = rng.gamma(0.5, 3_000, count).round(4) * (rng.random(count) > 0.1)
    return rng.integers(0, 800, count), rng.integers(1, 60, count), monetary


def day_by_day(model: SegmentModel, recency: int, frequency: int, monetary: float) -> Ints:
    """The segment on each day from ``recency`` to ``DAYS``."""
    days = np.arange(recency, DAYS + 1)
    return assign(model, days, np.full(len(days), frequency), np.full(len(days), monetary))


def assert_equals_brute_force(model: SegmentModel, seed: int) -> None:
    recency, frequency, monetary = customers(seed, 12)
    found = next_change(model, assign(model, recency, frequency, monetary), recency, frequency, monetary)
    for i, day in enumerate(found.recency_days.tolist()):
        segments = day_by_day(model, int(recency[i]), int(frequency[i]), float(monetary[i]))
        left = np.flatnonzero(segments != segments[0])
        if len(left):
            assert (day, found.segment[i]) == (recency[i] + left[0], segments[left[0]])
        else:
            assert day > DAYS
            assert (found.segment[i] == NO_SEGMENT) == (day == NEVER)


@given(random_models(), SEEDS)
def test_the_next_change_equals_scoring_every_day(model: SegmentModel, seed: int) -> None:
    assert_equals_brute_force(model, seed)


@given(st.integers(1, 10), st.sampled_from([0.3, 7.0, 60.0]), SEEDS, SEEDS)
def test_a_change_under_a_recency_unit_is_that_of_python_arithmetic_on_every_day(
    k: int, unit: float, fitted: int, who: int
) -> None:
    """Without the scorer, too: the definition of the model, one day and one centroid after the other."""
    model = model_of("log1p", np.random.default_rng(fitted).normal(scale=1.3, size=(k, 3)), unit)
    recency, frequency, monetary = customers(who, 3)

    def by_hand(days: int, orders: int, spent: float) -> int:
        shaped = (math.log1p(days / unit), math.log1p(orders), math.log1p(spent))
        place = [(value - mean) / scale for value, mean, scale in zip(shaped, model.means, model.scales, strict=True)]
        squares = [math.dist(place, segment.centroid) ** 2 for segment in model.segments]
        return squares.index(min(squares))

    found = next_change(model, assign(model, recency, frequency, monetary), recency, frequency, monetary)
    for i in range(3):
        who_waits = int(frequency[i]), float(monetary[i])
        begin = by_hand(int(recency[i]), *who_waits)
        later = ((day, by_hand(day, *who_waits)) for day in range(int(recency[i]) + 1, DAYS + 1))
        first = next(((day, number) for day, number in later if number != begin), None)
        if first is None:
            assert found.recency_days[i] > DAYS
        else:
            assert (found.recency_days[i], found.segment[i]) == first


@given(models_on_a_grid(), SEEDS)
def test_the_next_change_equals_scoring_every_day_for_customers_on_borders(model: SegmentModel, seed: int) -> None:
    assert_equals_brute_force(model, seed)


@given(models_with_twins(), SEEDS)
def test_a_change_between_almost_equal_centroids_agrees_with_the_scorer(model: SegmentModel, seed: int) -> None:
    # Rounding decides between such centroids, and may differ from day to day, so only the days around a change agree.
    recency, frequency, monetary = customers(seed, 40)
    segment = assign(model, recency, frequency, monetary)
    found = next_change(model, segment, recency, frequency, monetary)
    never = found.recency_days == NEVER
    at_last = assign(model, np.full(40, HORIZON_DAYS), frequency, monetary)
    assert (at_last[never] == segment[never]).all()
    day = np.where(never, recency + 1, found.recency_days)
    moved = assign(model, day, frequency, monetary)
    before = assign(model, day - 1, frequency, monetary)
    assert (day > recency).all()
    assert (never | ((moved == found.segment) & (moved != segment) & (before == segment))).all()


@given(random_models(), st.integers(1, 60), st.floats(0, 20_000))
def test_a_chain_of_changes_equals_scoring_every_day_of_a_customer_who_waits(
    model: SegmentModel, frequency: int, monetary: float
) -> None:
    frequencies, monetaries = np.array([frequency]), np.array([monetary])
    day, segment = np.array([0]), assign(model, np.array([0]), frequencies, monetaries)
    chain = []
    while day[0] <= DAYS:
        chain.append((int(day[0]), int(segment[0])))
        day, segment = next_change(model, segment, day, frequencies, monetaries)
    segments = day_by_day(model, 0, frequency, monetary)
    starts = np.flatnonzero(np.diff(segments, prepend=-1))
    assert chain == list(zip(starts.tolist(), segments[starts].tolist(), strict=True))
    visited = [number for _, number in chain]
    assert len(set(visited)) == len(visited)


@given(random_models(), SEEDS)
def test_looking_ahead_together_equals_looking_ahead_alone(model: SegmentModel, seed: int) -> None:
    recency, frequency, monetary = customers(seed, 20)
    segment = assign(model, recency, frequency, monetary)
    together = next_change(model, segment, recency, frequency, monetary)
    for i in range(20):
        row = slice(i, i + 1)
        alone = next_change(model, segment[row], recency[row], frequency[row], monetary[row])
        assert (alone.recency_days[0], alone.segment[0]) == (together.recency_days[i], together.segment[i])


def test_a_model_with_one_segment_has_no_changes() -> None:
    model = model_of("log1p", np.zeros((1, 3)))
    recency, frequency, monetary = customers(1, 5)
    found = next_change(model, np.zeros(5, dtype=np.int64), recency, frequency, monetary)
    assert (found.recency_days == NEVER).all()
    assert (found.segment == NO_SEGMENT).all()


def test_no_customers_give_empty_results() -> None:
    none = np.empty(0, dtype=np.int64)
    found = next_change(model_of("log1p", np.eye(3)), none, none, none, np.empty(0))
    assert (len(found.recency_days), len(found.segment)) == (0, 0)


@pytest.mark.parametrize("recency", [HORIZON_DAYS - 1, HORIZON_DAYS, HORIZON_DAYS + 1, 10 * HORIZON_DAYS])
def test_past_the_horizon_nothing_changes(recency: int) -> None:
    border = HORIZON_DAYS + 0.5
    centroids = np.array([[border - 1, 0, 0], [border + 1, 0, 0]])
    model = build("net", "identity", (0, 0, 0), (1, 1, 1), model_of("identity", centroids).segments)
    days, one = np.array([recency]), np.array([1])
    found = next_change(model, assign(model, days, one, np.zeros(1)), days, one, np.zeros(1))
    assert found.recency_days.tolist() == [NEVER]


def test_a_change_on_the_last_day_of_the_horizon_is_found() -> None:
    border = HORIZON_DAYS - 0.5
    centroids = np.array([[border - 1, 0, 0], [border + 1, 0, 0]])
    model = build("net", "identity", (0, 0, 0), (1, 1, 1), model_of("identity", centroids).segments)
    zero, one = np.array([0]), np.array([1])
    found = next_change(model, zero, zero, one, np.zeros(1))
    assert (found.recency_days.tolist(), found.segment.tolist()) == ([HORIZON_DAYS], [1])
