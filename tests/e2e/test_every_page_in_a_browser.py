"""Every page of the dashboard while a replay runs, light and dark: it works, is accessible, and follows the stream.

With SEGUE_TEST_SCREENSHOTS=FOLDER screenshots of the pages are kept.
"""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import Connection, Row, text

from data.datasets.dataset import Dataset
from data.postgres import progress, replay_control
from models.personas import ARCHETYPES
from models.segment_model import SegmentModel
from producers.replay import split, whole
from services.drift.observer import StreamObserver
from tests.support import browser
from tests.support.browser import (
    DESKTOP,
    PATIENCE,
    choose,
    download,
    expect_no_sideways_scrolling,
    expect_to_fit_a_phone,
    opened,
    served,
    settle,
    visit,
)
from tests.support.campaigns import store_campaign
from tests.support.local_stack import Local, applied, local, wait_until
from tests.support.money import POUNDS

pytestmark = browser.MARKS


class Expected(NamedTuple):
    """What a working page shows: its title, an element that only real data creates, and perhaps ``figures``."""

    title: str
    proof: str
    figures: bool = True

    @property
    def heading(self) -> str:
        """A selector of this page's heading; that of the live page is its clock."""
        return f"h1:text-is('{self.title}')" if self.title != "Live" else ".sg-day[data-event-time]"


PAGES = {
    "live": Expected("Live", "[data-total=transactions]:not(:text-is('0'))"),
    "at_risk": Expected("At risk", "[data-slips]:not([data-slips='0'])"),
    "audiences": Expected("Audiences", "[data-customers]:not([data-customers='0'])", figures=False),
    "shifts": Expected("Shifts", "[data-behind]:not([data-behind='0'])"),
    "segments": Expected("Segments", "[data-found]:not([data-found='0'])"),
    "campaigns": Expected("Campaigns", "[data-campaign-row]", figures=False),
    "customer": Expected("Customer", "[data-customer] [data-segment]:not([data-segment=''])"),
    "simulator": Expected("Simulator", "[data-verdict]"),
    "data": Expected("Data", "[data-country]"),
    "model": Expected("Model & drift", "[data-movers]"),
    "operations": Expected("Operations", "[data-partition]", figures=False),
}
# What a page shows in place of data, or above data that may be old.
TROUBLE = ".sg-trouble, .sg-banner"

# The pages' numbers from independent queries.
SLIPS = """
SELECT segment, customer_id, gross - returned AS net_spend FROM customers
WHERE segment = ANY(:good) AND next_change_at < :until
AND array_position(CAST(:ranks AS text[]), segment) < array_position(CAST(:ranks AS text[]), next_segment)
"""
CHANGES = "SELECT customer_id, sequence FROM segment_changes WHERE cause = 'decay' AND effective_at >= :since"
PEOPLE = """
SELECT customer_id, segment, frequency, greatest(gross - returned, 0) AS monetary,
CAST(floor(extract(epoch FROM greatest(last_event_at, :now) - last_purchase_at) / 86400) AS integer) AS recency
FROM customers WHERE segment <> :without AND customer_id LIKE :prefix
"""
LIFE = "SELECT effective_at FROM segment_changes WHERE customer_id = :customer ORDER BY sequence DESC"
LEDGER = """
SELECT coalesce(country, '') AS country, count(*) FILTER (WHERE kind = 'sale') AS sales,
count(*) FILTER (WHERE kind = 'return') AS returns, sum(CASE kind WHEN 'sale' THEN amount ELSE -amount END) AS net
FROM transactions WHERE occurred_at < :midnight GROUP BY ROLLUP (country) ORDER BY net DESC
"""
SIZES = "SELECT segment, count(*) FROM customers WHERE segment IS NOT NULL GROUP BY segment"
# The share of the dataset that is streamed before the first page is opened.
HISTORY = 0.6
SPEED = "6h/s"
# Findings that axe-core calls serious or critical are errors; the frame around the pages is Streamlit's.
GRAVE = {"serious", "critical"}
OURS = {"include": [["[data-testid=stMain]"]]}
SCREENSHOTS = os.environ.get("SEGUE_TEST_SCREENSHOTS")


@dataclass
class Shop:
    """A running replay, its dashboard, and a browser."""

    run: Local
    address: str
    chromium: BrowserContext
    customer: str
    # The number of transactions that were streamed before the replay began.
    history: int


@pytest.fixture(scope="module")
def shop(
    medium_dataset: Dataset, medium_model: SegmentModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    dataset = medium_dataset
    everything = whole(dataset)
    middle = everything.event_start + int(HISTORY * (everything.event_end - everything.event_start))
    history, future = split(everything, dataset, middle)
    with local(tmp_path_factory.mktemp("shop"), medium_model) as run:
        before = run.replay(dataset, history)
        StreamObserver(run.postgres).observe()
        store_campaign(run.postgres, days_ago=10, customers_every=2)
        with (
            run.in_background(dataset, future, SPEED),
            served(run.settings.dashboard_database) as address,
            opened() as chromium,
        ):
            yield Shop(run, address, chromium, _busiest_customer(run), before)


@dataclass
class PausedReplay:
    """The content of Postgres while the replay is paused and everything that it sent has been processed."""

    connection: Connection
    replay: Row[Any]
    now: datetime

    @property
    def midnight(self) -> datetime:
        """The beginning of the event day."""
        return self.now.replace(hour=0, minute=0, second=0, microsecond=0)

    def ask(self, query: str, **values: Any) -> list[Any]:
        """The rows of a query's result."""
        return [*self.connection.execute(text(query), values)]


@pytest.fixture
def paused(shop: Shop) -> Iterator[PausedReplay]:
    postgres = shop.run.postgres
    replay_control.pause(postgres)
    try:
        wait_until(lambda: _replay(shop).state == "paused")
        heard = _replay(shop).heartbeat_at
        # A heartbeat has the lag of the moment before it.
        wait_until(lambda: _replay(shop).heartbeat_at > heard and not _replay(shop).lag)
        wait_until(lambda: applied(shop.run) == shop.history + _replay(shop).sent)
        now = progress.current_watermark(postgres)
        assert now
        with postgres.connect() as connection:
            yield PausedReplay(connection, _replay(shop), now.astimezone(UTC))
        assert _replay(shop).state == "paused"
    finally:
        replay_control.resume(postgres)


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_works_and_is_accessible(shop: Shop, path: str, colours: str) -> None:
    with visit(shop.chromium, shop.address, _address(shop, path), DESKTOP, colours) as page:
        settle(page)
        _expect_real_data(page, PAGES[path])
        expect_no_sideways_scrolling(page)
        _keep(page, f"{path}-{colours}")
        _expect_accessible(page)
        expect_to_fit_a_phone(page)


def test_the_menu_leads_to_every_page(shop: Shop) -> None:
    with visit(shop.chromium, shop.address) as page:
        links = page.get_by_test_id("stTopNavLink")
        expect(links).to_have_count(len(PAGES), timeout=PATIENCE)
        # The page that opens first is visited last, after the others.
        for expected in [*PAGES.values(), *PAGES.values()][1 : len(PAGES) + 1]:
            links.filter(has_text=re.compile(f"{re.escape(expected.title)}$")).click()
            _expect_only(page, expected)
            expect(page).to_have_title(f"{expected.title} - Segue")
            expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_past_day_stays_chosen_on_other_pages_until_the_reader_goes_back_to_now(shop: Shop) -> None:
    now = progress.current_watermark(shop.run.postgres)
    assert now
    day = f"{now - timedelta(days=60):%Y-%m-%d}"
    past, of_now = f"[data-as-of^='{day}']", "[data-shows-now]"
    with visit(shop.chromium, shop.address, f"at_risk?as_of={day}") as page:
        links = page.get_by_test_id("stTopNavLink")
        expect(page.locator(past)).to_be_visible(timeout=PATIENCE)
        for title, said in (("Live", of_now), ("Shifts", past), ("Operations", of_now), ("Segments", past)):
            links.filter(has_text=re.compile(f"{title}$")).click()
            _expect_only(page, PAGES[title.lower()])
            expect(page.locator(said)).to_be_visible(timeout=PATIENCE)
            expect(page).to_have_url(re.compile(f"as_of={day}"))
        _expect_accessible(page)
        page.locator(".sg-people a.sg-id").first.click()
        expect(page.locator(PAGES["customer"].proof)).to_be_visible(timeout=PATIENCE)
        expect(page.locator(past)).to_be_visible(timeout=PATIENCE)
        _expect_accessible(page)
        page.get_by_role("button", name="Back to now").click()
        expect(page.locator(past)).to_have_count(0, timeout=PATIENCE)
        links.filter(has_text=re.compile("Live$")).click()
        _expect_only(page, PAGES["live"])
        expect(page.locator(of_now)).to_have_count(0)


def test_a_customer_opens_in_the_same_session_so_the_choices_are_kept(shop: Shop) -> None:
    with visit(shop.chromium, shop.address, "shifts") as page:
        page.get_by_text("All", exact=True).click()
        expect(page).to_have_url(re.compile("shift_period=All"))
        for _ in range(2):
            # The list changes while the replay runs, so the address says who was clicked on.
            page.locator(".sg-changes a.sg-id").first.click()
            expect(page).to_have_url(re.compile(r"/customer\?customer=\w+$"))
            customer = page.url.rpartition("=")[2]
            expect(page.locator(f"[data-customer='{customer}']")).to_be_visible()
            page.get_by_test_id("stTopNavLink").filter(has_text="Shifts").click()
            expect(page.locator("[data-behind]")).to_be_visible()
            expect(page).to_have_url(re.compile("shift_period=All"))
            settle(page)


def test_the_numbers_move_with_the_replay_and_are_those_in_postgres(shop: Shop) -> None:
    with visit(shop.chromium, shop.address, "live") as page:
        clock = page.locator("[data-event-time]").first
        before = clock.get_attribute("data-event-time")
        page.wait_for_function(
            "before => document.querySelector('[data-event-time]').dataset.eventTime > before",
            arg=before,
            timeout=PATIENCE,
        )
        shown = _number(page.locator("[data-total=transactions]").inner_text())
        with shop.run.postgres.connect() as connection:
            stored = connection.execute(text("SELECT sum(transactions) FROM stream_progress")).scalar_one()
        assert 0 < shown <= stored
        page.wait_for_function(
            "stored => +document.querySelector('[data-total=transactions]').innerText.replaceAll(',', '') >= stored",
            arg=int(stored),
            timeout=PATIENCE,
        )


def test_the_live_page_counts_the_moves_of_a_week_as_postgres_has_them(shop: Shop, paused: PausedReplay) -> None:
    week = paused.ask(CHANGES, since=paused.midnight - timedelta(days=6))
    with visit(shop.chromium, shop.address, "live") as page:
        page.get_by_text("7 days", exact=True).click()
        expect(page.locator("[data-cause=decay]")).to_have_text(f"{len(week):,}", timeout=PATIENCE)
        expect(page.locator("[data-event-time]").first).to_have_attribute(
            "data-event-time", paused.now.isoformat(), timeout=PATIENCE
        )
        shown = page.locator("[data-total=transactions]")
        expect(shown).to_have_text(f"{shop.history + paused.replay.sent:,}", timeout=PATIENCE)


def test_slips_out_of_one_segment_are_those_in_postgres_and_in_the_file(shop: Shop, paused: PausedReplay) -> None:
    slips = paused.ask(
        SLIPS,
        good=[archetype.id for archetype in ARCHETYPES if archetype.good],
        ranks=[archetype.id for archetype in ARCHETYPES],
        until=paused.midnight + timedelta(days=30),
    )
    segment, number = Counter(row.segment for row in slips).most_common(1)[0]
    expected = {row.customer_id: row.net_spend for row in slips if row.segment == segment}
    assert 0 < number < len(slips)
    with visit(shop.chromium, shop.address, "at_risk") as page:
        expect(page.locator(f"[data-slips='{len(slips)}']")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("button", name=_name(segment), exact=True).click()
        expect(page.locator(f"[data-slips='{number}']")).to_be_visible(timeout=PATIENCE)
        expect(page.locator("[data-worth]")).to_have_attribute("data-worth", f"{sum(expected.values()):.0f}")
        # The button is drawn before the table, so wait until the table is the filtered one.
        expect(page.locator(".sg-slips tbody tr").filter(has_not_text=_name(segment))).to_have_count(0)
        rows = _download(page)
    assert {row["customer_id"]: Decimal(row["net_spend"]) for row in rows} == expected
    assert len(rows) == number


def test_shifts_by_time_alone_are_those_in_postgres_and_in_the_file(shop: Shop, paused: PausedReplay) -> None:
    changes = paused.ask(CHANGES, since=paused.midnight - timedelta(days=29))
    with visit(shop.chromium, shop.address, "shifts") as page:
        page.get_by_role("button", name="time alone", exact=True).click()
        expect(page.locator(f"[data-behind='{len(changes)}']")).to_be_visible(timeout=PATIENCE)
        expect(page.locator("[data-total='moves between segments']")).to_have_text(f"{len(changes):,}")
        rows = _download(page)
    assert sorted((row["customer_id"], int(row["sequence"])) for row in rows) == sorted(map(tuple, changes))


def test_a_search_in_some_segments_finds_the_customers_in_postgres_and_so_does_the_file(
    shop: Shop, paused: PausedReplay
) -> None:
    without = paused.ask(f"{SIZES} ORDER BY 2 DESC")[0].segment
    prefix = shop.customer[:2]
    people = paused.ask(PEOPLE, now=paused.now, without=without, prefix=f"{prefix}%")
    with visit(shop.chromium, shop.address, "segments") as page:
        page.get_by_role("button", name=_name(without), exact=True).click()
        expect(page.locator(f".sg-card[data-segment={without}]")).to_have_count(0, timeout=PATIENCE)
        page.get_by_label("Customer number begins with").fill(prefix)
        expect(page.locator(f"[data-found='{len(people)}']")).to_be_visible(timeout=PATIENCE)
        rows = _download(page)
    shown = [
        (row["customer_id"], row["segment"], int(row["frequency"]), Decimal(row["monetary"]), int(row["recency"]))
        for row in rows
    ]
    assert sorted(shown) == sorted(map(tuple, people))


def test_a_customer_has_the_changes_and_purchases_that_postgres_has(shop: Shop, paused: PausedReplay) -> None:
    changes = paused.ask(LIFE, customer=shop.customer)
    purchases = paused.ask(
        "SELECT count(*) FROM transactions WHERE kind = 'sale' AND customer_id = :customer", customer=shop.customer
    )[0].count
    with visit(shop.chromium, shop.address, "customer") as page:
        _type(page, "Customer number", shop.customer)
        shown = page.locator(".sg-total", has=page.get_by_text("purchases", exact=True)).locator("b")
        expect(shown).to_have_text(f"{purchases:,}", timeout=PATIENCE)
        moments = page.locator(".sg-past time")
        expect(moments).to_have_count(len(changes), timeout=PATIENCE)
        written = moments.evaluate_all("all => all.map(it => it.dateTime)")
    assert [datetime.fromisoformat(moment) for moment in written] == [row.effective_at for row in changes]


def test_the_simulator_starts_from_a_stored_profile_and_agrees_on_the_day_of_the_next_change(
    shop: Shop, paused: PausedReplay
) -> None:
    who = paused.ask("SELECT * FROM customers WHERE next_segment <> '' ORDER BY next_change_at, customer_id")[0]
    days = (who.next_change_at - who.last_purchase_at).days
    with visit(shop.chromium, shop.address, "simulator") as page:
        _type(page, "Start from a customer", who.customer_id)
        expect(page.get_by_label("Purchases", exact=True)).to_have_value(str(who.frequency), timeout=PATIENCE)
        for silent, segment in ((days - 1, who.segment), (days, who.next_segment)):
            _type(page, "Days since their last purchase", str(silent))
            expect(page.locator(f"[data-verdict='{segment}']")).to_be_visible(timeout=PATIENCE)


def test_the_ledger_adds_up_to_what_postgres_has_with_and_without_the_biggest_country(
    shop: Shop, paused: PausedReplay
) -> None:
    everything, biggest, second, *_ = paused.ask(LEDGER, midnight=paused.midnight)
    with visit(shop.chromium, shop.address, "data") as page:
        first = page.locator("tr[data-country]").first
        expect(first).to_have_attribute("data-country", biggest.country, timeout=PATIENCE)
        expect(page.locator("[data-total='sales']")).to_have_text(f"{everything.sales:,}")
        expect(page.locator("[data-total='credit notes']")).to_have_text(f"{everything.returns:,}")
        expect(page.locator("[data-total='net revenue']")).to_have_text(POUNDS.rounded(everything.net))
        page.get_by_text(f"Without {biggest.country}", exact=True).click()
        expect(first).to_have_attribute("data-country", second.country, timeout=PATIENCE)
        expect(first.locator("b")).to_have_text(POUNDS.exact(second.net))


def test_the_model_page_has_the_sizes_that_postgres_has_and_compares_any_version(
    shop: Shop, paused: PausedReplay
) -> None:
    buyers = paused.ask("SELECT count(*) FROM customers WHERE frequency > 0")[0].count
    champion = paused.ask("SELECT version FROM model_aliases WHERE alias = 'champion'")[0].version
    other = paused.ask("SELECT version FROM models WHERE version <> :champion", champion=champion)[0].version
    with visit(shop.chromium, shop.address, "model") as page:
        for segment, size in paused.ask(SIZES):
            cells = page.locator(f"tr[data-segment={segment}] td")
            expect(cells.nth(4)).to_have_text(f"{size:,}", timeout=PATIENCE)
        choose(page, page.get_by_role("combobox", name="To"), other)
        expect(page.get_by_text(f"segue models activate {other}")).to_be_visible(timeout=PATIENCE)
        expect(page.locator("[data-compared]")).to_have_attribute("data-compared", str(buyers), timeout=PATIENCE)


def test_operations_shows_the_paused_replay_and_each_partition_as_postgres_has_it(
    shop: Shop, paused: PausedReplay
) -> None:
    with visit(shop.chromium, shop.address, "operations") as page:
        shown = page.locator(f"[data-replay=paused][data-sent='{paused.replay.sent}']")
        expect(shown).to_be_visible(timeout=PATIENCE)
        for partition, offset, number in paused.ask("SELECT partition, next_offset, transactions FROM stream_progress"):
            cells = page.locator(f"tr[data-partition='{partition}'] td")
            expect(cells.nth(3)).to_have_text(f"{offset:,}")
            expect(cells.nth(4)).to_have_text(f"{number:,}")


def _address(shop: Shop, path: str) -> str:
    return f"{path}?customer={shop.customer}" if path in {"customer", "simulator"} else path


def _number(shown: str) -> int:
    return int(shown.replace(",", ""))


def _name(segment: str) -> str:
    return next(archetype.name for archetype in ARCHETYPES if archetype.id == segment)


def _replay(shop: Shop) -> Row[Any]:
    return replay_control.replays(shop.run.postgres)[0]


def _type(page: Page, label: str, value: str) -> None:
    box = page.get_by_label(label, exact=True)
    box.fill(value, timeout=PATIENCE)
    box.press("Enter")


def _download(page: Page) -> list[dict[str, str]]:
    with download(page).path().open(newline="") as file:
        return [*csv.DictReader(file)]


def _expect_accessible(page: Page) -> None:
    """No grave finding of axe-core."""
    found = Axe().run(page, context=OURS, options={"resultTypes": ["violations"]}).response["violations"]
    grave = [(rule["id"], node["html"][:200]) for rule in found if rule["impact"] in GRAVE for node in rule["nodes"]]
    assert grave == []


def _expect_real_data(page: Page, expected: Expected) -> None:
    expect(page.locator(expected.heading)).to_be_visible(timeout=PATIENCE)
    expect(page.locator(expected.proof).first).to_be_visible(timeout=PATIENCE)
    if expected.figures:
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(TROUBLE)).to_have_count(0)


def _expect_only(page: Page, expected: Expected) -> None:
    """Only this page is shown."""
    expect(page.locator(expected.heading)).to_be_visible(timeout=PATIENCE)
    for other in PAGES.values():
        if other is not expected:
            expect(page.locator(other.heading)).to_have_count(0, timeout=PATIENCE)


def _keep(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


def _busiest_customer(run: Local) -> str:
    """The customer who has moved most often."""
    with run.postgres.connect() as connection:
        return str(
            connection.execute(text("SELECT customer_id FROM customers ORDER BY sequence DESC LIMIT 1")).scalar_one()
        )
