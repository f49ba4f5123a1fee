"""Every page of the dashboard while a replay runs, light and dark: it works, it can be read, and it moves.

With SEGUE_SCREENSHOTS=FOLDER the pages are kept as pictures.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from data.dataset import Dataset
from models.segment_model import SegmentModel
from producers.replay import split, whole
from segue.drift.watcher import Watcher
from tests.support import browser
from tests.support.browser import DESKTOP, PATIENCE, expect_no_sideways_scrolling, launched, served, visit
from tests.support.local import Local, local

pytestmark = browser.MARKS


class Face(NamedTuple):
    """What a page looks like when it works: its title, and what only real data puts there; ``figures`` are drawn."""

    title: str
    proof: str
    figures: bool = True

    @property
    def heading(self) -> str:
        """What this page alone is headed by; the live one's is its clock."""
        return f"h1:text-is('{self.title}')" if self.title != "Live" else ".sg-day[data-event-time]"


PAGES = {
    "live": Face("Live", "[data-total=transactions]:not(:text-is('0'))"),
    "slipping": Face("About to slip", "[data-slips]:not([data-slips='0'])"),
    "shifts": Face("Shifts", "[data-behind]:not([data-behind='0'])"),
    "segments": Face("Segments", "[data-found]:not([data-found='0'])"),
    "customer": Face("Customer", "[data-customer] [data-segment]:not([data-segment=''])"),
    "simulator": Face("Simulator", "[data-verdict]"),
    "data": Face("Data", "[data-country]"),
    "model": Face("Model & drift", "[data-movers]"),
    "operations": Face("Operations", "[data-partition]", figures=False),
}
# What a page has instead of data, or above data that may be old.
TROUBLE = ".sg-trouble, .sg-banner"
# The share of the dataset that has been streamed when the first page is opened.
HISTORY = 0.6
SPEED = "6h/s"
# What axe-core calls serious or worse is an error; the frame around the pages is Streamlit's.
GRAVE = {"serious", "critical"}
OURS = {"include": [["[data-testid=stMain]"]]}
SCREENSHOTS = os.environ.get("SEGUE_SCREENSHOTS")


@dataclass
class Shop:
    """A running replay, its dashboard, and a browser."""

    run: Local
    address: str
    chromium: Browser
    customer: str


@pytest.fixture(scope="module")
def shop(dataset: Dataset, model: SegmentModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    everything = whole(dataset)
    middle = everything.event_start + int(HISTORY * (everything.event_end - everything.event_start))
    history, future = split(everything, dataset, middle)
    with local(tmp_path_factory.mktemp("shop"), model) as run:
        run.replay(dataset, history)
        Watcher(run.postgres).look()
        with (
            run.in_background(dataset, future, SPEED),
            served(run.settings.dashboard_database) as address,
            launched() as chromium,
        ):
            yield Shop(run, address, chromium, _somebody(run))


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_works_and_can_be_read_by_everybody(shop: Shop, path: str, colours: str) -> None:
    with visit(shop.chromium, shop.address, _address(shop, path), DESKTOP, colours) as page:
        _settle(page)
        _expect_real_data(page, PAGES[path])
        expect_no_sideways_scrolling(page)
        _keep(page, f"{path}-{colours}")
        found = Axe().run(page, context=OURS, options={"resultTypes": ["violations"]}).response["violations"]
        grave = [
            (rule["id"], node["html"][:200]) for rule in found if rule["impact"] in GRAVE for node in rule["nodes"]
        ]
        assert grave == []


def test_the_menu_leads_to_every_page(shop: Shop) -> None:
    with visit(shop.chromium, shop.address) as page:
        links = page.get_by_test_id("stTopNavLink")
        expect(links).to_have_count(len(PAGES), timeout=PATIENCE)
        # The one that is open at first has to be left before it can be come to.
        for face in [*PAGES.values(), *PAGES.values()][1 : len(PAGES) + 1]:
            links.filter(has_text=re.compile(f"{re.escape(face.title)}$")).click()
            _expect_only(page, face)
            expect(page.get_by_test_id("stException")).to_have_count(0)


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


def _address(shop: Shop, path: str) -> str:
    return f"{path}?customer={shop.customer}" if path in {"customer", "simulator"} else path


def _number(shown: str) -> int:
    return int(shown.replace(",", ""))


def _settle(page: Page) -> None:
    """Wait until nothing is being computed or drawn."""
    expect(page.locator(browser.THERE).first).to_be_visible(timeout=3 * PATIENCE)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE)
    page.wait_for_load_state("networkidle")


def _expect_real_data(page: Page, face: Face) -> None:
    expect(page.locator(face.heading)).to_be_visible(timeout=PATIENCE)
    expect(page.locator(face.proof).first).to_be_visible(timeout=PATIENCE)
    if face.figures:
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(TROUBLE)).to_have_count(0)


def _expect_only(page: Page, face: Face) -> None:
    """This page has come, and no other is left."""
    expect(page.locator(face.heading)).to_be_visible(timeout=PATIENCE)
    for other in PAGES.values():
        if other is not face:
            expect(page.locator(other.heading)).to_have_count(0, timeout=PATIENCE)


def _keep(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


def _somebody(run: Local) -> str:
    """Who has moved most often."""
    with run.postgres.connect() as connection:
        return str(
            connection.execute(text("SELECT customer_id FROM customers ORDER BY sequence DESC LIMIT 1")).scalar_one()
        )
