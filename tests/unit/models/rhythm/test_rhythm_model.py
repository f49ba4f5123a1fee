"""The record of a rhythm: it survives JSON, refuses what was edited, and predicts on its own clock."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rhythm.alive import p_alive
from models.rhythm.buying import Buying
from models.rhythm.calibration import Calibration
from models.rhythm.histories import Histories, observed
from models.rhythm.rhythm_model import (
    Calibrations,
    RhythmError,
    RhythmModel,
    build_rhythm,
    expected_spend,
    next_order,
    p_order,
    rhythm_from_json,
    rhythm_to_json,
    risk_moments,
)
from models.rhythm.risk import MINUTE
from models.rhythm.seasonal_clock import SeasonalClock
from models.rhythm.spending import Spending
from models.units import MICROS_PER_DAY

BUSY_NOVEMBER = SeasonalClock(tuple(np.where(np.isin(np.arange(24), (20, 21)), 2.0, 0.9).tolist()))
LAST = 600 * MICROS_PER_DAY
CUSTOMERS = Histories(np.zeros(3, dtype=np.int64), np.array([0, LAST, LAST]), np.array([1, 8, 60]))


def model(lost_below: float = 0.1, shift: float = -0.2, slope: float = 1.1) -> RhythmModel:
    line = Calibration(shift, slope)
    return build_rhythm(
        Buying(0.7, 50.0, 0.3, 3.0),
        BUSY_NOVEMBER,
        Spending(2.4, 3.8, 410.0),
        Calibrations(line, line, 0.9),
        lost_below,
        {"dataset": "a shop"},
    )


@given(st.floats(0.01, 0.99), st.floats(-2.0, 2.0), st.floats(0.1, 3.0))
def test_a_model_survives_json(lost_below: float, shift: float, slope: float) -> None:
    before = model(lost_below, shift, slope)
    assert rhythm_from_json(rhythm_to_json(before)) == before


def test_metadata_has_no_influence_on_the_version() -> None:
    assert msgspec.structs.replace(model(), metadata={}).version == model().version
    assert model(lost_below=0.2).version != model().version


def test_an_edited_model_is_refused() -> None:
    text = rhythm_to_json(model()).replace(b'"lost_below":0.1', b'"lost_below":0.2')
    with pytest.raises(RhythmError, match="was it edited"):
        rhythm_from_json(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"nothing", "not a rhythm model"),
        (b"{}", "not a rhythm model"),
        (b"[" * 100_000, "not a rhythm model"),
        (b"\xff", "not a rhythm model"),
        (rhythm_to_json(model()).replace(b'"alpha":50.0', b'"alpha":-1'), "must be finite and above 0"),
        (rhythm_to_json(model()).replace(b'"slope":1.1', b'"slope":0'), "slope above 0"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(text: bytes, message: str) -> None:
    with pytest.raises(RhythmError, match=message) as caught:
        rhythm_from_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("border", [0.0, 1.0, float("nan")])
def test_a_border_that_is_no_probability_is_refused(border: float) -> None:
    with pytest.raises(RhythmError, match="lost_below"):
        model(lost_below=border)


def test_before_a_busy_season_an_order_is_more_likely_than_after_it() -> None:
    october, december = (LAST + days * MICROS_PER_DAY for days in (35, 96))
    fresh = Histories(np.array([0, 0]), np.array([october, december]), np.array([10, 10]))
    before = p_order(model(), Histories(*(part[:1] for part in fresh)), october, 90)
    after = p_order(model(), Histories(*(part[1:] for part in fresh)), december, 90)
    assert before[0] > after[0] + 0.03


def test_ninety_days_bring_an_order_more_likely_than_thirty() -> None:
    now = LAST + MICROS_PER_DAY
    assert (p_order(model(), CUSTOMERS, now, 90) > p_order(model(), CUSTOMERS, now, 30)).all()
    with pytest.raises(ValueError, match="calibrated for 30 and 90 days, not for 60"):
        p_order(model(), CUSTOMERS, now, 60)


def test_the_intervals_of_the_next_order_lie_in_each_other() -> None:
    now = LAST + 10 * MICROS_PER_DAY
    found = np.array(next_order(model(), CUSTOMERS, now))
    assert (found[0] >= now).all()
    assert (np.diff(found, axis=0) > 0).all()


def test_a_customer_is_presumed_lost_in_the_minute_in_which_the_calibrated_probability_reaches_the_border() -> None:
    plain = build_rhythm(
        Buying(0.7, 50.0, 0.3, 3.0),
        SeasonalClock((1.0,) * 24),
        Spending(2.4, 3.8, 410.0),
        Calibrations(Calibration(0.0, 1.0), Calibration(-0.3, 1.2), 1.0),
        0.1,
    )
    lost_at = risk_moments(plain, CUSTOMERS).lost_at
    for row in range(3):
        alone = Histories(*(part[row : row + 1] for part in CUSTOMERS))
        at, a_minute_before = (p_order(plain, alone, int(lost_at[row]) - micros, 90)[0] for micros in (0, MINUTE))
        assert at <= 0.1 < a_minute_before


def test_expected_spend_is_above_nothing_and_falls_with_silence() -> None:
    spent = np.array([100.0, 3_000.0, -20.0])
    soon, late = (expected_spend(model(), CUSTOMERS, spent, LAST + days * MICROS_PER_DAY) for days in (1, 366))
    assert (late > 0).all()
    assert (soon > late).all()


def test_no_customer_is_certainly_alive_or_gone() -> None:
    found = p_alive(model().buying, observed(CUSTOMERS, model().clock, LAST + MICROS_PER_DAY))
    assert ((found > 0) & (found < 1)).all()
