"""A shop in euros on a desktop, and one in yen on a phone: every page is in their currency.

With SEGUE_SCREENSHOTS=FOLDER screenshots of the pages are kept.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from data.postgres.database import engine as connect
from runtime.money import Money
from tests.support import processed_stream
from tests.support.browser import (
    DESKTOP,
    MARKS,
    PATIENCE,
    PHONE,
    expect_no_sideways_scrolling,
    served,
    settle,
    visit,
)
from tests.support.generated_tables import a_model
from tests.support.money import EUROS, YEN
from tests.support.postgres import new_database, running_postgres

pytestmark = MARKS

CUSTOMER = "12303"
#: Pages, and what shows that they are drawn.
PAGES = {
    "at_risk?slip_measure=Money&slip_days=1+year": "[data-slips]",
    "live": ".sg-day[data-event-time]",
    "shifts?shift_measure=Money&shift_period=All": "[data-behind]",
    "segments": "[data-found]",
    f"customer?customer={CUSTOMER}": "[data-customer]",
    f"simulator?customer={CUSTOMER}": "[data-verdict]",
    "data": "[data-country]",
    "model": "[data-segment]",
    "operations": "[data-partition]",
}
WITHOUT_MONEY = {"operations"}
SCREENSHOTS = os.environ.get("SEGUE_SCREENSHOTS")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database with a small stream of amounts in no particular currency."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server, new_database(server) as url:
        engine = connect(url)
        processed_stream.store(engine, a_model(), processed_stream.live(a_model(), processed_stream.messages()))
        engine.dispose()
        yield url


@pytest.fixture(scope="module", params=[(EUROS, DESKTOP), (YEN, PHONE)], ids=["EUR", "JPY"])
def shop(request: Any, database: str) -> Iterator[tuple[str, Money, int]]:
    """The address of the dashboard of a shop, how its amounts are written, and the width of a window."""
    money, width = request.param
    with served(database, money=money) as address:
        yield address, money, width


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_in_the_currency_of_the_shop(window: BrowserContext, shop: tuple[str, Money, int], path: str) -> None:
    address, money, width = shop
    name = path.partition("?")[0]
    with visit(window, address, path, width) as page:
        expect(page.locator(PAGES[path]).first).to_be_visible(timeout=PATIENCE)
        settle(page)
        if name not in WITHOUT_MONEY:
            expect(page.get_by_text(money.symbol).first).to_be_attached(timeout=PATIENCE)
        shown = page.content()
        assert "£" not in shown
        # The source of a page also holds random names and data, in which any three letters may stand together.
        assert not page.get_by_text("GBP").count()
        assert "pound" not in shown.casefold()
        expect_no_sideways_scrolling(page)
        if SCREENSHOTS:
            page.screenshot(path=Path(SCREENSHOTS) / f"{money.currency}-{name}-{width}.png", full_page=True)
