"""The simulator against the worker's core, and against scikit-learn on every single day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.pipeline import sklearn_pipeline
from dashboard.simulator.simulation import (
    SimulatedProfile,
    Step,
    decay_path,
    path_with_purchase,
    score,
    score_one,
    segment_at,
)
from data.contract.wire import Tick, Transaction
from models.decay import NEVER
from models.personas import ARCHETYPES, name_segments
from models.scoring import assign
from models.segment_model import SegmentModel, build
from models.units import from_micros
from tests.support.examples import examples
from tests.support.generated_tables import a_model
from tests.support.in_memory_worker import outcome, run

NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)
SECONDS = st.integers(0, 900 * 86_400)
MONEY = st.decimals(Decimal("0.01"), Decimal(20_000), places=2)


@st.composite
def models(draw: st.DrawFn) -> SegmentModel:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    centroids = rng.normal(scale=1.2, size=(draw(st.integers(1, len(ARCHETYPES))), 3))
    money: Literal["net", "gross"] = draw(st.sampled_from(["net", "gross"]))
    if draw(st.booleans()):
        return build(money, "log1p", (4.0, 1.0, 6.0), (1.4, 0.8, 1.4), name_segments(centroids))
    return build(money, "identity", (150.0, 5.0, 1_500.0), (120.0, 6.0, 2_000.0), name_segments(centroids))


@st.composite
def profiles(draw: st.DrawFn) -> SimulatedProfile:
    return SimulatedProfile(NOW - timedelta(seconds=draw(SECONDS)), draw(st.integers(1, 80)), draw(MONEY))


@given(models(), profiles())
@settings(max_examples=examples(40))
def test_time_alone_moves_a_customer_on_the_days_that_scikit_learn_computes(
    model: SegmentModel, who: SimulatedProfile
) -> None:
    days = np.arange(who.recency_days(NOW), who.recency_days(NOW) + 1_200)
    points = np.column_stack([days, np.full(len(days), who.frequency), np.full(len(days), float(who.monetary))])
    daily = sklearn_pipeline(model).predict(points)
    turns = [0, *(np.flatnonzero(np.diff(daily)) + 1)]
    last = who.last_purchase_at + timedelta(days=int(days[-1]))
    path = [step for step in decay_path(model, who, NOW) if step.at <= last]
    assert [step.segment for step in path] == daily[turns].tolist()
    moments = [who.last_purchase_at + timedelta(days=int(days[turn])) for turn in turns[1:]]
    assert [step.at for step in path] == [NOW, *moments]


@given(models(), profiles(), MONEY, st.integers(0, 800))
@settings(max_examples=examples(100))
def test_a_simulated_purchase_does_what_the_stream_does(
    model: SegmentModel, who: SimulatedProfile, amount: Decimal, days: int
) -> None:
    bought_at, end = NOW + timedelta(days=days), NOW + timedelta(days=2_500)
    # The stream gets the frequency from as many invoices, all at one moment, so that no decay comes between them.
    first = [_sale(number, who.last_purchase_at, _part(who, number)) for number in range(who.frequency)]
    bought = _sale(999, bought_at, amount)
    _, changes = outcome(run(model, [*first, Tick(NOW), bought, Tick(end)]))
    streamed = [
        (from_micros(row.effective_at), row.to_segment, row.cause)
        for _, row in sorted(changes.items())
        if from_micros(row.effective_at) > NOW or row.transaction_id == "999"
    ]
    path = path_with_purchase(model, who, NOW, amount, bought_at)
    assert _changes(model, path, end) == streamed


@given(models(), profiles())
def test_the_segment_is_the_nearest_and_the_shared_scorer_says_so(model: SegmentModel, who: SimulatedProfile) -> None:
    scored = score_one(model, who, NOW)
    days = np.array([who.recency_days(NOW)])
    shared = assign(model, days, np.array([who.frequency]), np.array([float(who.monetary)]))
    assert scored.segment.tolist() == shared.tolist()
    assert scored.distances[0, scored.segment[0]] == scored.distances.min()


def test_distances_are_those_of_the_model_space() -> None:
    model = a_model()
    raw = np.array([30.0, 5.0, 400.0])
    point = (np.log1p(raw) - model.means) / model.scales
    expected = np.linalg.norm(model.centroids - point, axis=1)
    scored = score(model, np.array([30]), np.array([5]), np.array([400.0]))
    assert scored.distances[0] == pytest.approx(expected)


@given(models(), profiles(), st.integers(1, 10_000))
def test_spend_below_zero_counts_as_zero_until_purchases_exceed_it(
    model: SegmentModel, who: SimulatedProfile, debt: int
) -> None:
    poor = who._replace(monetary=Decimal(-debt))
    nothing = score_one(model, who._replace(monetary=Decimal(0)), NOW)
    assert score_one(model, poor, NOW).distances.tolist() == nothing.distances.tolist()
    paid = path_with_purchase(model, poor, NOW, Decimal(debt) + 5, NOW)[1]
    assert paid.profile.monetary == 5


def test_a_customer_in_the_last_segment_never_moves_by_time_alone() -> None:
    model = a_model()
    path = decay_path(model, SimulatedProfile(NOW - timedelta(days=2_000), 1, Decimal(5)), NOW)
    assert [model.segments[step.segment].id for step in path] == ["lost"]
    scored = score_one(model, path[0].profile, NOW)
    assert (scored.change_in_days[0], scored.next_segment[0]) == (NEVER, -1)


@given(models(), profiles(), MONEY, st.integers(0, 400))
@settings(max_examples=examples(30))
def test_before_the_purchase_both_futures_are_the_same(
    model: SegmentModel, who: SimulatedProfile, amount: Decimal, days: int
) -> None:
    bought_at = NOW + timedelta(days=days)
    without, bought = decay_path(model, who, NOW), path_with_purchase(model, who, NOW, amount, bought_at)
    for day in range(days):
        at = NOW + timedelta(days=day)
        assert segment_at(without, at) == segment_at(bought, at)


def _changes(model: SegmentModel, path: list[Step], end: datetime) -> list[tuple[datetime, str, str]]:
    """The steps that enter another segment, which the stream would publish."""
    pairs = pairwise(path)
    return [
        (after.at, model.segments[after.segment].id, after.cause)
        for before, after in pairs
        if after.segment != before.segment and after.at <= end
    ]


def _part(who: SimulatedProfile, number: int) -> Decimal:
    return who.monetary if number == 0 else Decimal("0.00")


def _sale(number: int, at: datetime, amount: Decimal) -> Transaction:
    return Transaction(f"{number:03d}", "12345", at, "sale", f"{amount:f}", "GBP", "United Kingdom", [])
