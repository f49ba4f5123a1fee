"""An observer reports which measure has shifted, when and by how much, and is deterministic."""

from functools import cache
from itertools import islice

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from batch.backtest import backtest
from batch.profiles import profiles_as_of
from data.datasets.steady import Injection, moment
from models.compare import segment_ids
from models.drift.observation import PERSISTENCE, SNAPSHOT_WINDOWS, Measurement, Observation
from models.drift.reference import METADATA_KEY, RECENT_DAYS
from models.rhythm.carried import carrying, rhythm_of
from models.segment_model import checked
from models.units import from_micros, to_micros
from tests.support.rhythm import a_rhythm
from tests.support.steady_stream import model_of, shop

pytestmark = pytest.mark.slow

AT = 40


@cache
def observed(injection: Injection) -> list[Observation]:
    return list(backtest(model_of(injection), shop(injection), moment(0)))


def raised(windows: list[Observation]) -> list[tuple[int, Measurement]]:
    """The day, counted from the start, and the alarm."""
    start = to_micros(moment(0))
    return [((window.end - start) // 86_400_000_000, alarm) for window in windows for alarm in window.raised]


@pytest.mark.parametrize(
    ("injection", "measure"), [("prices", "basket"), ("returns", "returns"), ("one-timers", "newcomers")]
)
def test_a_shift_raises_its_own_measure_with_the_size_of_the_shift(injection: Injection, measure: str) -> None:
    alarms = [(day, alarm) for day, alarm in raised(observed(injection)) if alarm.measure != "psi"]
    assert {alarm.measure for _, alarm in alarms} <= {measure, "distance"}
    day, alarm = next(each for each in alarms if each[1].measure == measure)
    assert AT < day < AT + 60
    assert alarm.reference is not None
    assert alarm.value / alarm.reference > 1.2


def test_the_same_windows_give_the_same_numbers() -> None:
    assert observed.__wrapped__("returns") == observed("returns")


def test_measurements_that_raise_an_alarm_have_the_alarm_flag() -> None:
    for window in observed("prices"):
        in_alarm = {(each.measure, each.name) for each in window.measurements if each.alarm}
        assert {(each.measure, each.name) for each in window.raised} <= in_alarm


def test_shares_are_those_of_all_customers_scored_at_the_end_of_the_window() -> None:
    window = observed("none")[49]
    model = model_of()
    profiles = profiles_as_of(shop(), from_micros(window.end - 1))
    profiles["recency_days"] = (from_micros(window.end) - profiles["last_purchase_at"]).dt.days
    expected = segment_ids(profiles, model).value_counts(normalize=True)
    shares = {each.name: each.value for each in window.measurements if each.measure == "share"}
    assert shares == pytest.approx({segment.id: expected.get(segment.id, 0.0) for segment in model.segments})
    assert sum(shares.values()) == pytest.approx(1)


def test_both_models_are_measured_on_recent_customers_too() -> None:
    window = observed("none")[49]
    profiles = profiles_as_of(shop(), from_micros(window.end - 1))
    days = (from_micros(window.end) - profiles["last_purchase_at"]).dt.days
    recent = [each for each in window.measurements if each.measure == "inertia_recent"]
    assert [each.name for each in recent] == ["champion", "challenger"]
    assert {each.customers for each in recent} == {int((days < RECENT_DAYS).sum())}
    everybody = {each.name: each.value for each in window.measurements if each.measure == "inertia"}
    assert all(0 < each.value != everybody[each.name] for each in recent)


def test_a_model_without_a_reference_is_compared_with_the_first_window() -> None:
    bare = replace(model_of(), metadata={k: v for k, v in model_of().metadata.items() if k != METADATA_KEY})
    first, *_, last = backtest(bare, shop(), moment(0))
    indices = {each.name: each.value for each in first.measurements if each.measure == "psi"}
    assert indices == dict.fromkeys(("recency", "frequency", "monetary", "segments"), 0.0)
    assert any(each.value > 0 for each in last.measurements if each.measure == "psi")


def test_an_index_raises_one_alarm_after_it_has_stayed_high() -> None:
    # All prices change currency, so the distribution of money changes permanently.
    dear = shop().assign(amount_units=lambda rows: rows["amount_units"].where(rows["occurred_at"] < moment(0), 10**8))
    alarms = [
        (day, alarm) for day, alarm in raised(list(backtest(model_of(), dear, moment(0)))) if alarm.name == "monetary"
    ]
    assert len(alarms) == 1
    assert PERSISTENCE <= alarms[0][0] < PERSISTENCE + 28
    assert alarms[0][1].threshold is not None
    assert alarms[0][1].value > alarms[0][1].threshold


def test_snapshots_of_the_challenger_are_kept_every_four_weeks_and_are_valid_models() -> None:
    windows = observed("none")
    kept = [number for number, window in enumerate(windows, 1) if window.challenger is not None]
    assert kept == list(range(SNAPSHOT_WINDOWS, len(windows) + 1, SNAPSHOT_WINDOWS))
    for window in windows:
        if window.challenger is not None:
            assert checked(window.challenger).metadata["cutoff"] == from_micros(window.end).isoformat()


def test_snapshots_of_the_challenger_carry_the_champions_predictions() -> None:
    champion = carrying(model_of(), a_rhythm())
    windows = list(islice(backtest(champion, shop(), moment(0)), SNAPSHOT_WINDOWS))
    assert windows[-1].challenger is not None
    assert rhythm_of(checked(windows[-1].challenger)) == a_rhythm()


def test_a_day_on_which_the_shop_is_closed_has_no_measures_of_incoming_transactions() -> None:
    rows = shop()
    closed = rows[(rows["occurred_at"] < moment(10)) | (rows["occurred_at"] >= moment(13))]
    windows = list(backtest(model_of(), closed, moment(0)))
    measures = {each.measure for each in windows[11].measurements}
    assert measures == {"psi", "share", "agreement", "inertia", "inertia_recent"}
    assert np.diff([window.end for window in windows]).tolist() == [86_400_000_000] * (len(windows) - 1)


def test_months_without_transactions_have_only_measures_of_all_customers() -> None:
    rows = shop()
    before = rows[rows["occurred_at"] < moment(0)]
    far = pd.concat([before, rows.iloc[[-1]].assign(transaction_id="last")])
    windows = list(backtest(model_of(), far, moment(0)))
    assert len(windows) == 199
    assert {each.measure for each in windows[-1].measurements} == {"psi", "share", "agreement", "inertia"}
    assert [each.name for each in windows[-1].measurements if each.measure == "psi"] == ["segments"]
