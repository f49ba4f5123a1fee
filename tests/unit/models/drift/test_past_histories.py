"""Customers of some days ago, and who has ordered since, equal a loop over all orders, however the orders are split."""

from hashlib import md5

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.drift.past_histories import CustomerSample, PastHistories
from models.units import MICROS_PER_DAY

DAYS, LAST = 3, 12
NOTHING = np.empty(0, dtype=np.int64)
# Customer and hour; whole days are among them.
orders = st.lists(st.tuples(st.integers(0, 7), st.integers(0, LAST * 24 - 1)), max_size=40)
Orders = list[tuple[int, int]]
HOUR = MICROS_PER_DAY // 24


def by_hand(given_orders: Orders, day: int) -> dict[int, tuple[int, int, int, bool]]:
    """First, last and number of orders before the begin of the days, and whether there was one from then until now."""
    begin, end = (day - DAYS) * 24, day * 24
    found = {}
    for customer in {who for who, _ in given_orders}:
        before = [hour for who, hour in given_orders if who == customer and hour < begin]
        since = [hour for who, hour in given_orders if who == customer and begin <= hour < end]
        if before:
            found[customer] = (min(before) * HOUR, max(before) * HOUR, len(before), bool(since))
    return found


@given(orders, st.integers(0, LAST))
def test_each_day_equals_a_loop_over_all_orders(given_orders: Orders, start: int) -> None:
    """The fold begins at ``start`` from the histories of then; days that began earlier it can't know."""
    earlier = [(who, hour) for who, hour in given_orders if hour < start * 24]
    first, last, count = np.zeros((3, 8), dtype=np.int64)
    for who, hour in sorted(earlier, key=lambda order: order[1]):
        first[who] = first[who] if count[who] else hour * HOUR
        last[who], count[who] = hour * HOUR, count[who] + 1
    fold = PastHistories(DAYS, first, last, count)
    sample = CustomerSample(map(str, range(8)))
    for day in range(start + 1, LAST + 1):
        today = sorted((hour, who) for who, hour in given_orders if (day - 1) * 24 <= hour < day * 24)
        fold.add(np.array([who for _, who in today], np.int64), np.array([hour * HOUR for hour, _ in today], np.int64))
        found = fold.at(day * MICROS_PER_DAY, sample)
        if day - DAYS < start:
            continue
        rows = zip(*(part.tolist() for part in found.histories), found.ordered.tolist(), strict=True)
        assert sorted(rows) == sorted(by_hand(given_orders, day).values())


@given(st.lists(st.text(min_size=1), unique=True, max_size=30), st.integers(1, 30), st.integers(0, 30))
def test_a_sample_has_the_customers_with_the_lowest_hash_of_their_id(ids: list[str], most: int, known: int) -> None:
    sample = CustomerSample(ids[:known])
    sample.add(ids[known:])
    found = {ids[row] for row in sample.among(np.arange(len(ids)), most)}
    by_hash = sorted(ids, key=lambda each: md5(each.encode(), usedforsecurity=False).hexdigest())
    assert found == {*by_hash[:most]}


def test_without_customers_there_is_nobody() -> None:
    fold = PastHistories(DAYS, NOTHING, NOTHING, NOTHING)
    assert len(fold.at(MICROS_PER_DAY, CustomerSample([])).ordered) == 0
