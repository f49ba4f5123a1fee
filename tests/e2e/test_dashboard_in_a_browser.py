"""The live page in a real browser, on a real Postgres."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import Engine, text, update

from data.postgres.database import engine as connect
from data.postgres.tables import stream_progress
from tests.support.browser import MARKS, PATIENCE, PHONE, expect_no_sideways_scrolling, served, visit
from tests.support.generated_tables import EVENT_TIME, a_model, a_stream, store
from tests.support.postgres import new_database, running_postgres

COUNTS = """
SELECT 'transactions', sum(transactions) FROM stream_progress
UNION ALL SELECT 'customers', count(*) FROM customers
UNION ALL SELECT 'changes', count(*) FROM segment_changes
UNION ALL SELECT 'duplicates', sum(duplicates) FROM stream_progress
UNION ALL SELECT 'late', sum(late) FROM stream_progress
UNION ALL SELECT 'dead letters', sum(dead_letters) FROM stream_progress
"""

# Said below the page.
STILL_READING = "getComputedStyle(document.querySelector('.stApp'), '::after').visibility"

pytestmark = MARKS


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running server."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """The URL of a database that holds a stream."""
    with new_database(postgres) as url:
        engine = connect(url)
        store(engine, a_model(), a_stream(a_model()))
        engine.dispose()
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on the database that the dashboard shows."""
    connected = connect(database_url)
    yield connected
    connected.dispose()


@pytest.fixture
def dashboard(database_url: str) -> Iterator[str]:
    """The address of a running dashboard."""
    with served(database_url) as address:
        yield address


def test_the_page_shows_what_is_in_postgres_and_follows_it(
    window: BrowserContext, dashboard: str, engine: Engine
) -> None:
    with visit(window, dashboard, "live") as page:
        _expect_counts(page, engine)
        _expect_sizes(page, engine)
        expect(page.locator(".sg-day")).to_contain_text("Wed 15 June 2011")
        expect(page.locator(".sg-changes tbody tr")).to_have_count(12, timeout=PATIENCE)

        page.get_by_text("1 year", exact=True).click()
        expect(page.get_by_text("in the last 365 event days").first).to_be_visible(timeout=PATIENCE)
        _stream_something(engine)

        expect(page.locator(".sg-day")).to_contain_text("Fri 24 June 2011", timeout=PATIENCE)
        _expect_counts(page, engine)
        _expect_sizes(page, engine)
        expect(page.locator(".sg-changes tbody tr").first).to_contain_text("time alone")
        expect(page.locator(".sg-changes tbody tr").first).to_contain_text("new-customer")
        expect(page.get_by_text("in the last 365 event days").first).to_be_visible()

        with engine.begin() as connection:
            connection.execute(text("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE"))
            page.wait_for_function(f"{STILL_READING} === 'visible'")
        page.wait_for_function(f"{STILL_READING} !== 'visible'")


def test_the_page_fits_a_phone_and_has_every_figure(window: BrowserContext, dashboard: str) -> None:
    with visit(window, dashboard, "live", PHONE, "dark") as page:
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=PATIENCE)
        expect_no_sideways_scrolling(page)


def test_the_page_survives_a_restart_of_postgres(
    window: BrowserContext, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("restarted")
    with running_postgres(folder) as url:
        engine = connect(url)
        store(engine, a_model(), a_stream(a_model()))
        engine.dispose()
    with served(url) as address, visit(window, address, "live") as page:
        expect(page.get_by_text("Postgres is not available")).to_be_visible(timeout=PATIENCE)
        with running_postgres(folder):
            expect(page.locator("[data-total=customers]")).to_have_text("120", timeout=PATIENCE)
            expect(page.get_by_text("Postgres is not available")).to_be_hidden()
        expect(page.get_by_text("The numbers below are the last known ones")).to_be_visible(timeout=PATIENCE)
        expect(page.locator("[data-total=customers]")).to_have_text("120")


def _expect_counts(page: Page, engine: Engine) -> None:
    with engine.connect() as connection:
        for name, number in connection.execute(text(COUNTS)):
            expect(page.locator(f"[data-total='{name}']")).to_have_text(f"{int(number):,}", timeout=PATIENCE)


def _expect_sizes(page: Page, engine: Engine) -> None:
    with engine.connect() as connection:
        sizes = connection.execute(
            text("SELECT segment, count(*) FROM customers WHERE segment IS NOT NULL GROUP BY segment")
        ).all()
    assert sizes
    for segment, number in sizes:
        expect(page.locator(f"[data-segment='{segment}'] .sg-size b")).to_have_text(f"{number:,}", timeout=PATIENCE)


def _stream_something(engine: Engine) -> None:
    """Add a customer whom time alone moves nine days later."""
    later = EVENT_TIME + timedelta(days=9)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO customers (customer_id, partition, country, last_event_at, frequency, gross, returned,"
                " segment, sequence, model_version) SELECT 'new-customer', 0, '', :at, 1, 9, 0, segment, 1,"
                " model_version FROM customers WHERE segment IS NOT NULL LIMIT 1"
            ),
            {"at": later},
        )
        connection.execute(
            text(
                "INSERT INTO segment_changes (customer_id, sequence, partition, position, from_segment, to_segment,"
                " cause, effective_at, recency_days, frequency, monetary, model_version) SELECT 'new-customer', 1, 0,"
                " max(position) + 1, max(from_segment), max(to_segment), 'decay', :at, 30, 1, 9, max(model_version)"
                " FROM segment_changes WHERE partition = 0"
            ),
            {"at": later},
        )
        counters = stream_progress.c
        connection.execute(update(stream_progress).values(event_time=later, transactions=counters.transactions + 40))
        connection.execute(
            update(stream_progress).where(counters.partition == 0).values(change_position=counters.change_position + 1)
        )
