"""Hostile stored texts in a real browser: no page loads anything from elsewhere, and the texts are there to read."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from data.postgres.database import engine
from tests.support import browser
from tests.support.browser import opened, served, visit
from tests.support.hostile import fill
from tests.support.postgres import new_database, running_postgres

pytestmark = browser.MARKS

PAGES = ["at_risk", "live", "shifts", "segments", "data", "model", "operations"]


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server, new_database(server) as url:
        postgres = engine(url)
        fill(postgres)
        postgres.dispose()
        with served(url) as address:
            yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[BrowserContext]:
    with opened() as started:
        yield started


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_from_elsewhere(path: str, dashboard: str, chromium: BrowserContext) -> None:
    with visit(chromium, dashboard, path) as page:
        page.wait_for_timeout(1_500)
        assert page.locator("img[src*=invalid], img[src=x]").count() == 0


def test_a_label_and_a_figure_show_the_name_as_it_is_stored(dashboard: str, chromium: BrowserContext) -> None:
    literal = "![p](http:\u2060//x.invalid/p.png)<img src=x onerror=alert(1)>%{x}$a$ :\u2060material/home:\\u202e"
    with visit(chromium, dashboard, "segments") as page:
        expect(page.get_by_test_id("stButtonGroup").first).to_contain_text(literal)
        drawn = page.locator(".ytick text").first
        expect(drawn).to_contain_text("<img src=x onerror=alert(1)>%{x}$a$")
