"""A marketer explores segments, follows customers, simulates a purchase and segments a file, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from data.postgres.database import engine as connect
from tests.support import processed_stream
from tests.support.browser import (
    MARKS,
    PATIENCE,
    download,
    served,
    visit,
)
from tests.support.generated_tables import a_model
from tests.support.postgres import new_database, running_postgres
from tests.support.processed_stream import NOW, Lived

pytestmark = MARKS

CUSTOMER = "12303"


@pytest.fixture(scope="module")
def stream() -> Lived:
    """What the worker made of a small stream."""
    return processed_stream.live(a_model(), processed_stream.messages())


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, stream: Lived) -> Iterator[str]:
    """The address of a running dashboard on that stream."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server, new_database(server) as url:
        engine = connect(url)
        processed_stream.store(engine, a_model(), stream)
        engine.dispose()
        with served(url) as address:
            yield address


def test_segments_are_explored_searched_and_downloaded(
    window: BrowserContext, dashboard: str, stream: Lived, tmp_path: Path
) -> None:
    lost = sorted(row["customer_id"] for row in stream.customers if row["segment"] == "lost")
    with visit(window, dashboard, "segments") as page:
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".js-plotly-plot")).to_have_count(4, timeout=PATIENCE)
        for name in ("Champions", "Regulars"):
            page.get_by_role("button", name=name).click()
        expect(page.locator("[data-segment]")).to_have_count(1, timeout=PATIENCE)
        expect(page.locator("[data-found]")).to_have_text(f"{len(lost)} customers", timeout=PATIENCE)
        saved = _download(page, "Download CSV", tmp_path)
        assert sorted(saved["customer_id"]) == lost
        assert "segments_personas=" in page.url
        page.get_by_label("Customer number begins with").fill(lost[0])
        expect(page.locator("[data-found]")).to_have_text("1 customer", timeout=PATIENCE)
        expect(page.locator(".sg-people tbody tr")).to_have_count(1, timeout=PATIENCE)
        page.locator(".sg-people tbody a").click()
        expect(page.locator(f"[data-customer='{lost[0]}']")).to_be_visible(timeout=PATIENCE)


def test_a_customer_is_searched_and_a_neighbour_followed_into_the_simulator(
    window: BrowserContext, dashboard: str
) -> None:
    with visit(window, dashboard, "customer") as page:
        box = page.get_by_label("Customer number")
        expect(box).to_be_visible(timeout=PATIENCE)
        box.fill("1230x")
        box.press("Enter")
        expect(page.get_by_text("No customer 1230x")).to_be_visible(timeout=PATIENCE)
        box.fill(CUSTOMER)
        box.press("Enter")
        expect(page.locator(f"[data-customer='{CUSTOMER}']")).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=PATIENCE)
        assert page.url.endswith(f"customer?customer={CUSTOMER}")

        neighbour = page.locator(".sg-people tbody a").first
        followed = neighbour.inner_text()
        neighbour.click()
        expect(page.locator(f"[data-customer='{followed}']")).to_be_visible(timeout=PATIENCE)
        segment = page.locator(".sg-since b").get_attribute("data-segment")
        page.get_by_role("link", name="Open the simulator").click()
        expect(page.locator(f"[data-verdict='{segment}']")).to_be_visible(timeout=PATIENCE)
        assert page.url.endswith(f"simulator?customer={followed}")


def test_a_purchase_is_simulated(window: BrowserContext, dashboard: str) -> None:
    with visit(window, dashboard, "simulator") as page:
        expect(page.locator("[data-verdict]")).to_be_visible(timeout=PATIENCE)
        _type(page, "Days since their last purchase", "900")
        expect(page.locator("[data-verdict='lost']")).to_be_visible(timeout=PATIENCE)
        _type(page, "Purchases", "30")
        _type(page, "Spend (£), net of returns", "9000")
        _type(page, "For how much (£)", "5000")
        bought = page.locator(".sg-steps").nth(1)
        expect(bought.get_by_text("bought")).to_be_visible(timeout=PATIENCE)
        after = bought.locator("tr", has_text="bought")
        expect(after).to_contain_text("Champions", timeout=PATIENCE)
        expect(after).to_contain_text("15 Jul 2011, 09:30")
        expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=PATIENCE)


def test_a_file_goes_up_and_comes_back_segmented(
    window: BrowserContext, dashboard: str, stream: Lived, tmp_path: Path
) -> None:
    people = [row for row in stream.customers if row["segment"]]
    with visit(window, dashboard, "simulator") as page:
        expect(page.locator("[data-verdict]")).to_be_visible(timeout=PATIENCE)
        template = _download(page, "Download a template", tmp_path)
        rows = [
            (row["customer_id"], (NOW - row["last_purchase_at"]).days, row["frequency"], row["gross"] - row["returned"])
            for row in people
        ]
        sent = pd.DataFrame([*rows, ("=1+1", 1, 1, 5)], columns=[*template.columns])
        _upload(page, tmp_path / "wrong.csv", sent.assign(frequency="many"))
        expect(page.get_by_text("Line 2, column frequency: must be a whole number")).to_be_visible(timeout=PATIENCE)
        _upload(page, tmp_path / "people.csv", sent)
        expect(page.locator(f"[data-segmented='{len(sent)}']")).to_be_visible(timeout=PATIENCE)
        found = _download(page, "Download the segments", tmp_path)
    assert found["segment"].tolist()[:-1] == [row["segment"] for row in people]
    assert found["customer_id"].tolist() == [*(row["customer_id"] for row in people), "'=1+1"]


def _type(page: Page, label: str, value: str) -> None:
    box = page.get_by_label(label, exact=True)
    box.fill(value)
    box.press("Enter")


def _download(page: Page, label: str, folder: Path) -> pd.DataFrame:
    found = download(page, label)
    path = folder / found.suggested_filename
    found.save_as(path)
    return pd.read_csv(path, dtype={"customer_id": str})


def _upload(page: Page, path: Path, sent: pd.DataFrame) -> None:
    sent.to_csv(path, index=False)
    page.locator("input[type=file]").set_input_files(path)
