"""The direction of a model against brute force: every customer is scored on every day of two years of silence."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.expected_moves import HORIZON_DAYS, expected_direction
from models.moves import Direction
from models.rank_order import in_rank_order
from models.scoring import assign
from models.segment_model import Segment, SegmentModel, build
from models.units import Floats, Ints

SEEDS = st.integers(0, 2**32 - 1)
CUSTOMERS = 15


def model_of(centroids: Floats) -> SegmentModel:
    segments = tuple(
        Segment(f"s{number}", "", "", "#000000", "", (r, f, m)) for number, (r, f, m) in enumerate(centroids.tolist())
    )
    return build("net", "log1p", (4.0, 1.0, 6.0), (1.5, 0.75, 1.5), segments)


def customers(seed: int) -> tuple[Ints, Ints, Floats]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 800, CUSTOMERS), rng.integers(1, 60, CUSTOMERS), rng.gamma(0.5, 3_000, CUSTOMERS)


def centroids(seed: int, k: int) -> Floats:
    return np.random.default_rng(seed).normal(scale=1.3, size=(k, 3))


def day_by_day(model: SegmentModel, recency: Ints, frequency: Ints, monetary: Floats) -> Direction:
    by_time = climbs = by_purchase = falls = 0
    for days, orders, spent in zip(recency.tolist(), frequency.tolist(), monetary.tolist(), strict=True):
        silent = assign(
            model,
            np.arange(HORIZON_DAYS + 1),
            np.full(HORIZON_DAYS + 1, orders),
            np.full(HORIZON_DAYS + 1, spent),
        )
        by_time += int((silent[1:] != silent[:-1]).sum())
        climbs += int((silent[1:] < silent[:-1]).sum())
        before = int(assign(model, np.array([days]), np.array([orders]), np.array([spent]))[0])
        after = int(assign(model, np.array([0]), np.array([orders + 1]), np.array([spent + spent / orders]))[0])
        by_purchase += after != before
        falls += after > before
    return Direction(by_time, climbs, by_purchase, falls)


@given(SEEDS, SEEDS, st.integers(1, 8))
def test_every_move_of_two_silent_years_and_of_the_next_purchase_is_counted(model: int, who: int, k: int) -> None:
    fitted = model_of(centroids(model, k))
    assert expected_direction(fitted, *customers(who)) == day_by_day(fitted, *customers(who))


@given(SEEDS, SEEDS, st.integers(1, 8))
def test_no_customer_climbs_by_time_in_rank_order(model: int, who: int, k: int) -> None:
    ordered = in_rank_order(centroids(model, k), np.ones(k, dtype=np.int64))
    assert expected_direction(model_of(ordered), *customers(who)).climbs == 0


def test_a_model_without_customers_has_no_moves() -> None:
    nobody = np.array([], dtype=np.int64)
    assert expected_direction(model_of(centroids(1, 3)), nobody, nobody, np.array([])) == Direction(0, 0, 0, 0)
