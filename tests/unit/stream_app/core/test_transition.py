"""Small histories with known results: what a purchase, a return, time and a new model do to a customer."""

from datetime import UTC, datetime, timedelta

import pytest

from data.contract.wire import Kind, ModelActivation, Tick, Transaction
from models.segment_model import Segment, SegmentModel, build
from models.units import from_micros
from tests.support.world import Message, run

START = datetime(2010, 1, 1, 9, 30, tzinfo=UTC)


def model(away: float = 20.0, lost: float = 60.0) -> SegmentModel:
    """Three segments by recency alone; the borders are half-way between 0, ``away`` and ``lost`` days."""

    def segment(name: str, days: float) -> Segment:
        return Segment(name, name.title(), "", "#000000", "", (days, 0.0, 0.0))

    segments = (segment("here", 0.0), segment("away", away), segment("lost", lost))
    return build("net", "identity", (0.0, 0.0, 0.0), (1.0, 1e9, 1e9), segments)


def transaction(number: int, days: float, kind: Kind = "sale", amount: str = "10", customer: str = "c") -> Transaction:
    moment = START + timedelta(days=days)
    return Transaction(f"T{number}", customer, moment, kind, amount, "GBP", "France", [])


def history(*messages: Message) -> list[tuple[str | None, str, str, float]]:
    """Segments from and to, cause, and days since the start of every change."""
    (world,) = run(model(), messages)
    return [
        (row.from_segment, row.to_segment, row.cause, (from_micros(row.effective_at) - START) / timedelta(days=1))
        for row in world.changes
    ]


def tick(days: float) -> Tick:
    return Tick(START + timedelta(days=days))


def test_time_alone_moves_a_customer_at_the_exact_moment_however_coarse_the_ticks_are() -> None:
    moves = [(None, "here", "first_purchase", 0.0), ("here", "away", "decay", 11.0), ("away", "lost", "decay", 41.0)]
    assert history(transaction(1, 0), tick(500)) == moves
    assert history(transaction(1, 0), *map(tick, range(1, 500))) == moves


def test_no_decay_fires_before_a_tick_or_a_record_shows_that_time_has_passed() -> None:
    assert history(transaction(1, 0)) == [(None, "here", "first_purchase", 0.0)]
    assert history(transaction(1, 0), tick(10.9)) == [(None, "here", "first_purchase", 0.0)]


def test_decay_that_is_due_fires_before_the_purchase_that_ends_it() -> None:
    assert history(transaction(1, 0), transaction(2, 15)) == [
        (None, "here", "first_purchase", 0.0),
        ("here", "away", "decay", 11.0),
        ("away", "here", "purchase", 15.0),
    ]


def test_decay_that_is_due_at_the_moment_of_a_purchase_fires_before_it() -> None:
    assert history(transaction(1, 0), transaction(2, 11)) == [
        (None, "here", "first_purchase", 0.0),
        ("here", "away", "decay", 11.0),
        ("away", "here", "purchase", 11.0),
    ]


def test_a_customer_with_returns_only_has_no_segment() -> None:
    (world,) = run(model(), [transaction(1, 0, "return"), tick(100)])
    assert world.changes == []
    assert world.profiles["c"]["segment"] is None
    assert world.profiles["c"]["returned"] == 100_000


def test_a_return_before_the_first_purchase_still_counts_against_it() -> None:
    (world,) = run(model(), [transaction(1, 0, "return", "7.5"), transaction(2, 1, "sale", "5.125")])
    assert (world.profiles["c"]["gross"], world.profiles["c"]["returned"]) == (51_250, 75_000)
    assert [row.monetary for row in world.changes] == [0]


def test_a_late_sale_counts_but_does_not_move_the_last_purchase_back() -> None:
    (world,) = run(model(), [transaction(1, 5), tick(6), transaction(2, 2)])
    profile = world.profiles["c"]
    assert (world.late, profile["frequency"]) == (1, 2)
    assert from_micros(profile["last_purchase_at"]) == START + timedelta(days=5)
    assert from_micros(profile["first_purchase_at"]) == START + timedelta(days=2)


def test_a_late_first_sale_is_effective_at_the_watermark() -> None:
    assert history(tick(30), transaction(1, 0)) == [(None, "away", "first_purchase", 30.0)]


def test_a_return_does_not_make_a_customer_recent() -> None:
    assert history(transaction(1, 0), transaction(2, 15, "return")) == [
        (None, "here", "first_purchase", 0.0),
        ("here", "away", "decay", 11.0),
    ]


@pytest.mark.parametrize("chunk", [1, 100])
def test_a_new_model_moves_customers_as_of_its_activation(chunk: int) -> None:
    strict = ModelActivation(model(away=4.0, lost=8.0))
    messages: list[Message] = [
        transaction(1, 0),
        transaction(2, 4, customer="d"),
        tick(5),
        strict,
        transaction(3, 7),
        tick(20),
    ]
    (world,) = run(model(), messages, chunk=chunk)
    moves = [
        (row.from_segment, row.to_segment, row.cause, (from_micros(row.effective_at) - START).days)
        for row in sorted(world.changes, key=lambda row: (row.customer_id, row.sequence))
    ]
    assert moves == [
        (None, "here", "first_purchase", 0),
        ("here", "away", "model", 5),
        ("away", "lost", "decay", 7),
        ("lost", "here", "purchase", 7),
        ("here", "away", "decay", 10),
        ("away", "lost", "decay", 14),
        (None, "here", "first_purchase", 4),
        ("here", "away", "decay", 7),
        ("away", "lost", "decay", 11),
    ]


def test_the_country_of_a_customer_is_that_of_the_last_record() -> None:
    (world,) = run(model(), [transaction(1, 0), transaction(2, 3)])
    assert world.profiles["c"]["country"] == "France"
