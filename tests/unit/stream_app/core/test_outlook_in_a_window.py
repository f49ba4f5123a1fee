"""The next change at a past moment, found from the orders in the window, is the one that the worker has stored then."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.contract.wire import Tick, Transaction
from models.decay import NEVER
from models.published_outlook import PublishedOutlook
from models.segment_model import NO_SEGMENT, SegmentModel
from models.units import Ints, to_micros, to_money_units
from stream_app.core.columns import NO_RECORD
from stream_app.core.counted import CountedTransactions
from stream_app.core.outlook_in_a_window import outlook_in_a_window
from tests.support.examples import examples
from tests.support.in_memory_worker import InMemoryPartition, Message, run
from tests.support.strategies import START, streams, windowed_models


def stopped(model: SegmentModel, messages: list[Message], day: int) -> tuple[InMemoryPartition, list[Transaction]]:
    """The worker after everything that happened by a day, each order in its time, and these orders."""
    at = START + timedelta(days=day)
    known = (each for each in messages if isinstance(each, Transaction) and each.occurred_at <= at)
    sent = {(each.customer_id, each.transaction_id): each for each in known}
    orders = sorted(sent.values(), key=lambda each: each.occurred_at)
    [world] = run(model, [*orders, Tick(at)])
    return world, orders


def buyers(world: InMemoryPartition) -> list[dict[str, Any]]:
    """The profiles of all who have a segment, in the order of ids."""
    return [row for _, row in sorted(world.profiles.items()) if row["segment"] is not None]


def foreseen(
    model: SegmentModel, rows: list[dict[str, Any]], orders: list[Transaction], day: int, part: int, segment: Ints
) -> PublishedOutlook:
    place = {row["customer_id"]: number for number, row in enumerate(rows)}
    known = sorted((each for each in orders if each.customer_id in place), key=lambda each: place[each.customer_id])
    columns = [
        (place[each.customer_id], NO_RECORD, to_micros(each.occurred_at), 1, each.kind == "sale", units(each))
        for each in known
    ]
    table = np.array(columns, dtype=np.int64).reshape(-1, 6)
    counts_from = np.array([row["last_purchase_at"] for row in rows], dtype=np.int64)
    counted = CountedTransactions.of(model.window_days or 0, *table.T)
    at = to_micros(START + timedelta(days=day))
    return outlook_in_a_window(model, segment, counts_from, at, counted, part)


def units(transaction: Transaction) -> int:
    return to_money_units(Decimal(transaction.amount))


def numbers(model: SegmentModel, rows: list[dict[str, Any]]) -> Ints:
    return np.array([model.index[row["segment"]] for row in rows], dtype=np.int64)


@given(windowed_models(), streams(), st.integers(0, 900), st.integers(1, 3))
@settings(max_examples=examples(300))
def test_it_is_what_the_worker_had_stored(model: SegmentModel, messages: list[Message], day: int, part: int) -> None:
    assume(model.window_days is not None)
    world, orders = stopped(model, messages, day)
    rows = buyers(world)
    found = foreseen(model, rows, orders, day, part, numbers(model, rows))
    assert found.fits.all()
    assert found.next_change_at.tolist() == [row["next_change_at"] for row in rows]
    ids = [None if number == NO_SEGMENT else model.segments[number].id for number in found.next_segment.tolist()]
    assert ids == [row["next_segment"] for row in rows]


@given(windowed_models(), streams(), st.integers(0, 900))
@settings(max_examples=examples(100))
def test_nothing_is_ahead_of_a_segment_that_does_not_follow_from_the_orders(
    model: SegmentModel, messages: list[Message], day: int
) -> None:
    assume(model.window_days is not None)
    world, orders = stopped(model, messages, day)
    rows = buyers(world)
    assume(rows)
    other = (numbers(model, rows) + 1) % len(model.segments)
    found = foreseen(model, rows, orders, day, 2, other)
    assert not found.fits.any()
    assert set(found.next_change_at.tolist()) == {NEVER}
    assert set(found.next_segment.tolist()) == {NO_SEGMENT}
