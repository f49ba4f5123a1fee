"""The page "At risk" with predictions, in a browser: filters, keyboard, phone, the file, and the way to a customer."""

import csv
import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import text

from data.postgres.database import engine as connect
from tests.support.browser import MARKS, PATIENCE, PHONE, download, expect_no_sideways_scrolling, served, visit
from tests.support.generated_tables import a_model, a_stream, store
from tests.support.postgres import new_database, running_postgres
from tests.support.rhythm import a_predicting_model

pytestmark = MARKS


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard on a stream whose champion predicts."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server, new_database(server) as url:
        engine = connect(url)
        store(engine, a_predicting_model(), a_stream(a_model(), number=600))
        with engine.begin() as connection:
            # Random rows may have the last order before the first one.
            connection.execute(
                text("UPDATE customers SET first_purchase_at = least(first_purchase_at, last_purchase_at)")
            )
        engine.dispose()
        with served(url) as address:
            yield address


def test_filters_narrow_the_list_and_stay_in_the_url(window: BrowserContext, dashboard: str) -> None:
    with visit(window, dashboard, "at_risk") as page:
        everybody = number_of_customers(page)
        page.get_by_role("button", name="Overdue").click()
        expect(page).to_have_url(re.compile("risk_state=Overdue"), timeout=PATIENCE)
        expect(page.locator(f"[data-customers='{everybody}']")).to_have_count(0, timeout=PATIENCE)
        overdue = number_of_customers(page)
        assert 0 < overdue < everybody
        expect(page.locator(".sg-risks tbody tr").filter(has_not_text="Overdue")).to_have_count(0, timeout=PATIENCE)
        address = page.url
    with visit(window, dashboard, address.removeprefix(f"{dashboard}/")) as page:
        expect(page.locator(f"[data-customers='{overdue}']")).to_be_visible(timeout=PATIENCE)
        found = download(page)
        with found.path().open(newline="") as file:
            rows = [*csv.DictReader(file)]
    assert len({row["customer_id"] for row in rows}) == len(rows) == overdue
    assert {row["risk_state"] for row in rows} == {"overdue"}
    assert re.fullmatch(r"at-risk-\d{4}-\d\d-\d\d\.csv", found.suggested_filename)


def test_a_customer_of_the_list_is_described_in_the_same_words_on_the_customer_page(
    window: BrowserContext, dashboard: str
) -> None:
    with visit(window, dashboard, "at_risk") as page:
        first = page.locator(".sg-risks tbody tr").first
        why = first.locator("td").nth(1).inner_text(timeout=PATIENCE)
        first.get_by_role("link").click()
        expect(page.locator("[data-risk]")).to_contain_text(why[1:], timeout=PATIENCE)


def test_the_filters_work_by_keyboard(window: BrowserContext, dashboard: str) -> None:
    with visit(window, dashboard, "at_risk") as page:
        everybody = number_of_customers(page)
        page.get_by_role("button", name="Presumed lost").focus()
        page.keyboard.press("Enter")
        expect(page.locator(f"[data-customers='{everybody}']")).to_have_count(0, timeout=PATIENCE)
        expect(page).to_have_url(re.compile("risk_state=Presumed"), timeout=PATIENCE)


def test_an_old_link_opens_moves_by_time_alone(window: BrowserContext, dashboard: str) -> None:
    with visit(window, dashboard, "slipping?slip_days=1+week") as page:
        expect(page.locator("[data-slips]")).to_be_visible(timeout=PATIENCE)
        page.get_by_text("By their own rhythm", exact=True).click()
        expect(page.locator("[data-stake]")).to_be_visible(timeout=PATIENCE)
        page.goto(f"{dashboard}/customer")
        page.goto(f"{dashboard}/slipping")
        expect(page.locator("[data-stake], [data-slips]")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="Customer", exact=True)).to_be_visible()


@pytest.mark.parametrize("path", ["at_risk", "at_risk?risk_state=Presumed+lost"])
def test_the_list_fits_a_phone_and_is_accessible(window: BrowserContext, dashboard: str, path: str) -> None:
    with visit(window, dashboard, path, PHONE) as page:
        expect(page.locator(".sg-risks tbody tr").first).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=2 * PATIENCE)
        expect_no_sideways_scrolling(page)
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
        assert found.violations_count == 0, found.generate_report()


def number_of_customers(page: Page) -> int:
    return int(page.locator("[data-customers]").get_attribute("data-customers", timeout=PATIENCE) or 0)
