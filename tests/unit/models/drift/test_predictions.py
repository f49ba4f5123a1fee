"""Predictions that count wrong are drift; those of a shop in which nothing changes are not."""

from datetime import datetime
from functools import cache

import msgspec
import numpy as np
import pandas as pd
import pytest

from batch.backtest import backtest
from batch.fit_rhythm import fit_rhythm
from batch.order_book import order_book
from data.datasets.steady import Injection, moment, steady_shop
from models.drift.observation import PREDICTIONS, WRONG_WINDOWS, Measurement, Observation
from models.rhythm.carried import carrying, rhythm_of
from models.rhythm.rhythm_model import p_order
from models.segment_model import SegmentModel
from models.units import MICROS_PER_DAY, to_micros
from tests.support.histories_by_hand import histories_by_hand
from tests.support.steady_stream import model_of

pytestmark = pytest.mark.slow

AT, DAYS, PER_DAY = 40, 150, 2.0
FITTED = moment(0)
BEGIN = to_micros(FITTED)


@cache
def shop(seed: int, injection: Injection = "none") -> pd.DataFrame:
    return steady_shop(seed, days=DAYS, injection=injection, at=AT, per_day=PER_DAY)


def predicting(transactions: pd.DataFrame, fitted: datetime = FITTED) -> SegmentModel:
    """A model with predictions that were fitted on what had happened by a moment."""
    return carrying(model_of(), fit_rhythm(order_book(transactions), to_micros(fitted)))


@cache
def observed(seed: int, injection: Injection = "none", fitted: datetime = FITTED) -> list[Observation]:
    transactions = shop(seed, injection)
    return list(backtest(predicting(transactions, fitted), transactions, moment(0)))


def measured(windows: list[Observation]) -> list[tuple[int, Measurement]]:
    """Days since the begin, and measures of predictions."""
    return [
        ((window.end - BEGIN) // MICROS_PER_DAY, each)
        for window in windows
        for each in window.measurements
        if each.measure == PREDICTIONS
    ]


def raised(windows: list[Observation]) -> list[tuple[int, str]]:
    return [
        ((window.end - BEGIN) // MICROS_PER_DAY, each.name)
        for window in windows
        for each in window.raised
        if each.measure == PREDICTIONS
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_shop_in_which_nothing_changes_raises_no_alarm(seed: int) -> None:
    windows = observed(seed)
    assert len(measured(windows)) > DAYS
    assert raised(windows) == []


@pytest.mark.parametrize("seed", range(4))
def test_customers_who_order_half_as_often_raise_an_alarm_and_not_before_they_do(seed: int) -> None:
    found = raised(observed(seed, "seldom"))
    assert {name for _, name in found} == {"within_30_days", "within_90_days"}
    assert AT < found[0][0] <= AT + 45


def test_a_measure_is_what_a_loop_over_all_orders_finds() -> None:
    transactions = shop(1)
    rhythm = rhythm_of(predicting(transactions))
    assert rhythm is not None
    for day, each in measured(observed(1))[::40]:
        days = int(each.name.removeprefix("within_").removesuffix("_days"))
        end = BEGIN + day * MICROS_PER_DAY
        histories, ordered = histories_by_hand(transactions, end - days * MICROS_PER_DAY, end)
        assert each.customers == len(ordered)
        assert each.value == sum(ordered) / len(ordered)
        p = p_order(rhythm, histories, end - days * MICROS_PER_DAY, days)
        assert each.reference == pytest.approx(float(p.mean()))


def test_only_days_that_began_after_the_fit_are_measured() -> None:
    windows = observed(1, fitted=moment(20))
    first = {name: min(day for day, each in measured(windows) if each.name == name) for name in names(windows)}
    assert first == {"within_30_days": 50, "within_90_days": 110}


def test_a_model_that_does_not_say_what_it_has_seen_is_not_measured() -> None:
    model = predicting(shop(1))
    notes = {name: value for name, value in model.metadata["rhythm"]["metadata"].items() if name != "fitted_at"}
    silent = msgspec.structs.replace(
        model, metadata=model.metadata | {"rhythm": model.metadata["rhythm"] | {"metadata": notes}}
    )
    assert measured(list(backtest(silent, shop(1), moment(0)))) == []


def test_a_model_without_predictions_is_measured_as_before() -> None:
    with_predictions, without = observed(1), list(backtest(model_of(), shop(1), moment(0)))
    for one, other in zip(with_predictions, without, strict=True):
        assert [each for each in one.measurements if each.measure != PREDICTIONS] == other.measurements
        assert one.raised == other.raised


def test_an_alarm_needs_a_week_beyond_the_border_and_comes_once() -> None:
    windows = observed(0, "seldom")
    for name in names(windows):
        days = [day for day, each in measured(windows) if each.name == name]
        wrong = np.array([is_beyond(each) for _, each in measured(windows) if each.name == name])
        weeks = [
            day
            for row, day in enumerate(days)
            if row + 1 >= WRONG_WINDOWS
            and wrong[row + 1 - WRONG_WINDOWS : row + 1].all()
            and (row + 1 == WRONG_WINDOWS or not wrong[row - WRONG_WINDOWS])
        ]
        assert weeks == [day for day, each in raised(windows) if each == name]
        assert weeks


def is_beyond(each: Measurement) -> bool:
    """Whether the share is beyond the threshold, on whichever side of the prediction that is."""
    assert each.reference is not None
    assert each.threshold is not None
    return each.value < each.threshold if each.threshold < each.reference else each.value > each.threshold


def names(windows: list[Observation]) -> set[str]:
    return {each.name for _, each in measured(windows)}
