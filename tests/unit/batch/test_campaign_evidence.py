"""Campaigns with a planted effect: the truth is counted, and what is said agrees with it."""

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pytest

from batch.campaign_evidence import campaign, futures, observed, simulated
from batch.order_book import OrderBook, order_book
from models.units import from_micros
from tests.support.retail import small

HORIZON = 30


class Shop(NamedTuple):
    """A shop, and the moment at which campaigns begin."""

    book: OrderBook
    begin: datetime


@pytest.fixture(scope="module")
def shop() -> Shop:
    book = order_book(small().transactions)
    return Shop(book, from_micros(int(book.moment.max())) - timedelta(days=HORIZON))


@pytest.mark.parametrize("effect", [0.0, 0.2])
def test_the_planted_effect_is_in_what_is_seen_of_the_treated_and_not_of_the_others(shop: Shop, effect: float) -> None:
    found = futures(shop.book, shop.begin, HORIZON, effect, 3)
    error = np.sqrt(effect * (1 - effect) / found.customers)
    assert abs(found.share[-1] - effect) <= 4 * error
    everybody = np.zeros(found.customers, dtype=np.bool_)
    with_it, without = (observed(found, held_out, HORIZON) for held_out in (everybody, ~everybody))
    buyers = [len(set(each.customer[each.orders > 0].tolist())) for each in (with_it, without)]
    assert (buyers[0] - buyers[1]) / found.customers == pytest.approx(found.share[-1])
    spent = (with_it.money.sum() - without.money.sum()) / found.customers
    assert spent == pytest.approx(found.money[-1])
    assert with_it.day.min() >= 1
    assert with_it.day.max() <= HORIZON


def test_a_large_effect_is_found_and_the_truth_is_inside(shop: Shop) -> None:
    checked = [
        campaign(futures(shop.book, shop.begin, HORIZON, 0.5, seed), HORIZON, 0.4, bytes([seed] * 32))
        for seed in range(3)
    ]
    assert all(each.share.alarm for each in checked)
    assert sum(each.share.covered for each in checked) >= 2


def test_simulated_customers_buy_as_often_as_is_asked_and_the_effect_is_counted() -> None:
    found = simulated(20_000, 0.3, 0.1, 1.0, HORIZON, 1)
    assert len(found.without.customer) == pytest.approx(6_000, abs=300)
    assert found.share[-1] == pytest.approx(len(found.added.customer) / 20_000)
    assert found.share[-1] == pytest.approx(0.1, abs=0.01)
    assert (np.diff(found.share) >= 0).all()
