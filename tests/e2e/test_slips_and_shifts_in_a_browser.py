"""The pages "At risk" (moves by time alone) and "Shifts" in a browser: filters, a selection in a figure, downloads."""

import csv
import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, CDPSession, Locator, Page, TimeoutError, expect
from sqlalchemy import Engine, text

from data.postgres.database import engine as connect
from tests.support.browser import (
    MARKS,
    PATIENCE,
    PHONE,
    download,
    expect_no_sideways_scrolling,
    served,
    visit,
)
from tests.support.generated_tables import a_model, a_stream, store
from tests.support.postgres import new_database, running_postgres

# A figure that is still being drawn misses some clicks.
CLICKS = 3
SCROLLED = "document.querySelector('[data-testid=stMain]').scrollTop"

pytestmark = MARKS


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine on a database that holds a stream."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server, new_database(server) as url:
        connected = connect(url)
        store(connected, a_model(), a_stream(a_model(), number=600))
        yield connected
        connected.dispose()


@pytest.fixture(scope="module")
def dashboard(engine: Engine) -> Iterator[str]:
    """The address of a running dashboard."""
    with served(engine.url.render_as_string(hide_password=False)) as address:
        yield address


def test_filters_narrow_the_slips_and_stay_in_the_url(window: BrowserContext, dashboard: str) -> None:
    with visit(window, dashboard, "slipping") as page:
        everyone = _slips(page)
        page.get_by_role("button", name="Champions").click()
        expect(page).to_have_url(re.compile("slip_from=Champions"), timeout=PATIENCE)
        expect(page.locator(f"[data-slips='{everyone}']")).to_have_count(0, timeout=PATIENCE)
        champions = _slips(page)
        assert 0 < champions < everyone
        address = page.url
        page.get_by_role("link", name="Shifts").first.click()
        expect(page.get_by_role("heading", name="Shifts")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("link", name="At risk").first.click()
        expect(page.locator(f"[data-slips='{champions}']")).to_be_visible(timeout=PATIENCE)
    with visit(window, dashboard, address.removeprefix(f"{dashboard}/")) as page:
        expect(page.locator(f"[data-slips='{champions}']")).to_be_visible(timeout=PATIENCE)


def test_the_file_has_every_customer_who_slips(window: BrowserContext, dashboard: str) -> None:
    with visit(window, dashboard, "slipping?slip_days=1+year") as page:
        number = _slips(page)
        rows = _download(page)
    assert len(rows) == number > 25
    assert all(row["customer_id"] and row["slips_at"] and float(row["net_spend"]) > -100 for row in rows)


def test_the_calendar_and_the_pages_of_the_list_work(window: BrowserContext, dashboard: str) -> None:
    with visit(window, dashboard, "slipping?slip_days=90+days") as page:
        page.get_by_text("Calendar", exact=True).click()
        expect(page.locator(".sg-calendar")).to_be_visible(timeout=PATIENCE)
        days = page.locator(".sg-calendar b").all_inner_texts()
        assert sum(map(int, days)) == _slips(page)
        first = page.locator(".sg-slips a").first.inner_text()
        page.get_by_role("button", name="Page 2").click()
        expect(page.locator(".sg-slips a").first).not_to_have_text(first, timeout=PATIENCE)


def test_a_selected_number_lists_its_customers(window: BrowserContext, dashboard: str, engine: Engine) -> None:
    with engine.connect() as connection:
        before, after, expected = connection.execute(
            text(
                "SELECT from_segment, to_segment, count(*) FROM segment_changes WHERE from_segment IS NOT NULL"
                " GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 1"
            )
        ).one()
    names = {segment.id: segment.name for segment in a_model().segments}
    with visit(window, dashboard, "shifts?shift_period=All") as page:
        number = page.locator(".st-key-shift_matrix .textpoint").get_by_text(f"{expected:,}", exact=True)
        behind = page.locator(f"[data-behind='{expected}']")
        for _ in range(CLICKS):
            _click(page, number)
            with suppress(TimeoutError):
                behind.wait_for(timeout=PATIENCE / 6)
                break
        expect(behind).to_be_visible()
        row = page.locator(".sg-changes tbody tr").first
        expect(row).to_contain_text(names[before])
        expect(row).to_contain_text(names[after])
        rows = _download(page)
    assert len(rows) == expected
    assert {(row["from_segment"], row["to_segment"]) for row in rows} == {(before, after)}


def test_on_a_phone_the_menu_closes_a_finger_scrolls_and_the_first_tap_counts(
    window: BrowserContext, dashboard: str
) -> None:
    with visit(window, dashboard, "live", PHONE) as page:
        fingers = window.new_cdp_session(page)
        fingers.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_test_id("stSidebarNavLink").filter(has_text="Shifts").click()
        number = page.locator(".st-key-shift_matrix .textpoint").first
        expect(number).to_be_visible()
        expect(page.get_by_test_id("stSidebarNavLink").first).not_to_be_in_viewport()
        number.evaluate("it => it.scrollIntoView({block: 'center'})")
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        place = number.bounding_box()
        assert place
        point = {"x": place["x"] + place["width"] / 2, "y": place["y"] + place["height"] / 2}
        _touch(fingers, point)
        expect(page).to_have_url(re.compile("shift_from="))
        before = page.evaluate(SCROLLED)
        _touch(fingers, point, up=150)
        page.wait_for_function(f"before => {SCROLLED} > before", arg=before)


def test_the_filters_work_by_keyboard(window: BrowserContext, dashboard: str) -> None:
    with visit(window, dashboard, "shifts?shift_period=All") as page:
        everyone = page.locator("[data-behind]").get_attribute("data-behind", timeout=PATIENCE)
        page.get_by_role("combobox", name="From").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.type("Lost")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("shift_from=Lost"), timeout=PATIENCE)
        expect(page.locator(f"[data-behind='{everyone}']")).to_have_count(0, timeout=PATIENCE)


@pytest.mark.parametrize("path", ["slipping", "slipping?slip_shape=Calendar", "shifts", "shifts?shift_measure=Money"])
def test_the_pages_fit_a_phone_and_are_accessible(window: BrowserContext, dashboard: str, path: str) -> None:
    with visit(window, dashboard, path, PHONE) as page:
        expect(page.locator(".sg-changes tbody tr").first).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=2 * PATIENCE)
        expect_no_sideways_scrolling(page)
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
        assert found.violations_count == 0, found.generate_report()


def _touch(fingers: CDPSession, point: dict[str, float], up: int = 0) -> None:
    """A finger touches a point, and moves up by this many pixels."""
    steps = [{**point, "y": point["y"] - done} for done in range(0, up + 1, 15)]
    for step in steps:
        kind = "touchStart" if step is steps[0] else "touchMove"
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [step]})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def _click(page: Page, drawn: Locator) -> None:
    place = drawn.bounding_box(timeout=3 * PATIENCE)
    assert place
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)


def _slips(page: Page) -> int:
    return int(page.locator("[data-slips]").get_attribute("data-slips", timeout=PATIENCE) or 0)


def _download(page: Page) -> list[dict[str, str]]:
    with download(page).path().open(newline="") as file:
        return [*csv.DictReader(file)]
