"""Bisection on what the risk states mean finds the moments of the closed form, to the minute."""

from datetime import UTC, datetime

import numpy as np
import pytest
from msgspec.structs import replace

from batch.risk_moments import risk_moments
from models.rhythm import rhythm_model
from models.rhythm.buying import Buying
from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import RhythmModel, build_rhythm
from models.rhythm.seasonal_clock import NEVER, SeasonalClock
from models.units import MICROS_PER_DAY, to_micros
from tests.support.rhythm import a_rhythm

BEGIN = to_micros(datetime(2010, 1, 4, 8, tzinfo=UTC))
MINUTE = 60_000_000


def a_model(seed: int, lost_below: float) -> RhythmModel:
    rng = np.random.default_rng(seed)
    clock = SeasonalClock(tuple(rng.lognormal(0, 0.4, 24).tolist()))
    plain = a_rhythm(lost_below)
    buying = replace(plain.buying, r=float(rng.uniform(0.3, 3)), a=float(rng.uniform(0.1, 2)))
    return build_rhythm(buying, clock, plain.spending, plain.calibrations, lost_below)


def some_histories(seed: int, number: int) -> Histories:
    rng = np.random.default_rng(seed)
    orders = np.minimum(rng.geometric(0.15, number), 200)
    first = BEGIN + rng.integers(0, 400 * 1_440, number) * MINUTE
    later = np.where(orders > 1, rng.integers(0, 500 * 1_440, number), 0) * MINUTE
    return Histories(first, first + later, orders)


@pytest.mark.parametrize("lost_below", [0.02, 0.1, 0.3, 0.9])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bisection_finds_the_moments_of_the_closed_form(seed: int, lost_below: float) -> None:
    model, histories = a_model(seed, lost_below), some_histories(seed, 2_000)
    closed = np.column_stack(rhythm_model.risk_moments(model, histories))
    found = risk_moments(model, *histories)
    assert (found % MINUTE)[found != NEVER].max() == 0
    assert np.flatnonzero((found != closed).any(axis=1)).tolist() == []


def test_what_is_too_far_ahead_never_comes() -> None:
    plain = a_rhythm()
    # Nobody buys twice within a century.
    model = build_rhythm(Buying(0.7, 1e8, 0.3, 3.0), plain.clock, plain.spending, plain.calibrations, plain.lost_below)
    once = (np.array([BEGIN]), np.array([BEGIN]), np.array([1]))
    assert risk_moments(model, *once).tolist() == [[NEVER, NEVER, NEVER]]


def test_dates_outside_of_the_seasonal_clock_count_as_its_first_and_last_moment() -> None:
    long_ago = np.array([-(4_000 * 365 * MICROS_PER_DAY // 10)])
    early, first = (risk_moments(a_rhythm(), moment, moment, np.array([1])) for moment in (long_ago, long_ago + 1))
    assert early.tolist() == first.tolist()
    assert (early > to_micros(datetime(1900, 1, 1, tzinfo=UTC))).all()
