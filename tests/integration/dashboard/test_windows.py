"""The pages under a model with a trailing window show what is in it, and say so."""

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pandas as pd
import pytest

from batch.profiles import profiles_as_of
from dashboard.shared.personas import slips
from data.contract.wire import Tick, Transaction
from tests.support import processed_stream
from tests.support.money import POUNDS
from tests.support.pages import a_page, html, words
from tests.support.windowed_stream import (
    WINDOW_DAYS,
    WindowedShop,
    lived_in_a_window,
    stored_in_a_window,
    windowed_shop,
)

DAY = timedelta(days=1)
NOTE = f"Purchases and spend are those in the last {WINDOW_DAYS} days"


@pytest.fixture(scope="module")
def shop() -> WindowedShop:
    return windowed_shop()


@pytest.fixture(scope="module")
def url(postgres_server: str) -> Iterator[str]:
    with stored_in_a_window(postgres_server) as found:
        yield found


@pytest.fixture(scope="module")
def inside(shop: WindowedShop) -> pd.DataFrame:
    return profiles_as_of(shop.dataset.transactions, shop.dataset.report.last, WINDOW_DAYS)


def spend(row: pd.Series) -> str:
    return POUNDS.exact(Decimal(max(int(row["gross_units"]) - int(row["returned_units"]), 0)) / 10_000)


@pytest.mark.parametrize("name", ["segments", "simulator", "exploration"])
def test_a_page_says_what_purchases_and_spend_count(name: str, url: str) -> None:
    assert NOTE in words(a_page(name, url).run())


@pytest.mark.parametrize("name", ["at_risk", "audiences"])
def test_a_page_with_numbers_of_all_time_says_so(name: str, url: str) -> None:
    assert f"of all time. The segments count the last {WINDOW_DAYS} days." in words(a_page(name, url).run())


def test_the_header_of_a_customer_has_what_is_in_the_window(url: str, inside: pd.DataFrame) -> None:
    gone, here = inside[inside["frequency"] == 0].index, inside[inside["frequency"] > 1].index
    for customer in (gone[0], *here[:3]):
        row, shown = inside.loc[customer], words(a_page("customer", url, customer=customer).run())
        assert f"{row['frequency']:,}purchases in the last {WINDOW_DAYS} days" in shown
        assert f"{spend(row)}spend in the last {WINDOW_DAYS} days" in shown
        assert f"Spend: {spend(row)} in the last {WINDOW_DAYS} days" in shown
    shown = words(a_page("customer", url, customer=gone[0]).run())
    assert "Inactive since" in shown
    assert "They never move by time alone" in shown


def test_a_purchase_keeps_a_customer_for_as_long_as_the_worker_would(url: str, shop: WindowedShop) -> None:
    lived, now = lived_in_a_window(), shop.dataset.report.last
    found = next(row for row in lived.customers if row["segment"] == "inactive" and row["frequency"] > 0)
    shown = words(a_page("customer", url, customer=found["customer_id"]).run())
    assert f"orders that are {WINDOW_DAYS} days old no longer count" in shown
    assert "The amount is the same on every day" not in shown
    amount = re.search(r"An order of at least £([\d,.]+) makes them (\w[\w ]*?); without another one they stay", shown)
    assert amount is not None
    bought = Transaction(
        "more", found["customer_id"], now, "sale", amount[1].replace(",", ""), "GBP", "United Kingdom", []
    )
    after = processed_stream.lived(shop.windowed, [*shop.messages(), bought, Tick(now + 2 * WINDOW_DAYS * DAY)])
    moved = [row for row in after.changes if row["customer_id"] == found["customer_id"] and row["effective_at"] >= now]
    names = {segment.id: segment.name for segment in shop.windowed.segments}
    assert (moved[0]["transaction_id"], names[moved[0]["to_segment"]]) == ("more", amount[2])
    assert f"they stay there for {(moved[1]['effective_at'] - now).days} day" in shown


def test_the_simulator_foresees_what_the_worker_has_stored(url: str, shop: WindowedShop) -> None:
    lived = lived_in_a_window()
    names = {segment.id: segment.name for segment in shop.windowed.segments}
    ahead = [row for row in lived.customers if row["next_change_at"] is not None]
    for row in ahead[:: max(len(ahead) // 6, 1)]:
        page = a_page("simulator", url, customer=row["customer_id"]).run()
        shown = words(page)
        assert f"{names[row['next_segment']]} from {row['next_change_at']:%-d %b %Y}" in shown, row
        assert "do not say when each order leaves" not in shown
        page.number_input[1].set_value(999).run()
        assert "do not say when each order leaves" in words(page)


def test_a_past_day_has_the_numbers_and_the_next_move_of_then(url: str, shop: WindowedShop) -> None:
    day = shop.first(300).replace(hour=0, minute=0, second=0, microsecond=0)
    then = profiles_as_of(shop.dataset.transactions, day, WINDOW_DAYS)
    changes = lived_in_a_window().frame("changes")
    later = changes[changes["effective_at"] > day].drop_duplicates("customer_id").set_index("customer_id")
    names = {segment.id: segment.name for segment in shop.windowed.segments}
    expiries = later[later["cause"] == "expiry"]
    # What was bought after the day could not be foreseen on it.
    bought = shop.dataset.transactions[shop.dataset.transactions["occurred_at"] > day]
    soonest = bought.groupby("customer_id")["occurred_at"].min().reindex(expiries.index)
    expiries = expiries[~(soonest < expiries["effective_at"])]
    for customer in expiries.index[:3]:
        row, change = then.loc[customer], expiries.loc[customer]
        shown = words(a_page("customer", url, customer=customer, as_of=f"{day:%Y-%m-%d}").run())
        assert f"{row['frequency']:,}purchases in the last {WINDOW_DAYS} days" in shown
        assert names[change["to_segment"]] in shown
        assert f"{change['effective_at']:%-d %b %Y}" in shown
    assert NOTE in words(a_page("segments", url, as_of=f"{day:%Y-%m-%d}").run())


def test_the_moves_ahead_of_a_past_day_are_those_of_the_worker(url: str, shop: WindowedShop) -> None:
    day = shop.first(300).replace(hour=0, minute=0, second=0, microsecond=0)
    slipping = [
        row for row in shop.stopped(day).customers if (row["segment"], row["next_segment"]) in slips(shop.windowed)
    ]
    soon = {row["customer_id"] for row in slipping if row["next_change_at"] < day + 30 * DAY}
    assert len(soon) > 5
    page = a_page("at_risk", url, as_of=f"{day:%Y-%m-%d}", slip_days="30").run()
    assert soon == set(re.findall(r'href="customer[?]customer=(\d+)', html(page)))


def test_expiries_are_a_cause_of_their_own(url: str) -> None:
    assert 'data-cause="expiry"' in html(a_page("live", url).run())
    assert "left the window" in words(a_page("shifts", url, days="90").run())


def test_another_window_is_compared_by_what_each_model_counts(url: str, shop: WindowedShop) -> None:
    shown = words(a_page("model", url).run())
    assert shop.lifetime.version in shown
    assert "would be in another segment today" in shown
    assert f"Frequency and spend count the last {WINDOW_DAYS} days." in shown
