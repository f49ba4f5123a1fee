"""Chromium on a running dashboard; a page with an error fails its test."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Download,
    Error,
    Locator,
    Page,
    Request,
    TimeoutError,
    expect,
    sync_playwright,
)
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from runtime.money import Money
from segue.local.ports import free_ports
from tests.support.money import POUNDS
from tests.support.web import get

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_ONE_PROCESS = ("--renderer-process-limit=1", "--disable-site-isolation-trials", "--disable-software-rasterizer")
# In milliseconds: a page is drawn within seconds; the bound is for a machine that is busy with something else.
PATIENCE = 180_000
# A download starts within a second, or never.
DOWNLOAD_PATIENCE = 30_000
# An open list shows its options at once.
LIST_PATIENCE = 5_000
DESKTOP, PHONE = 1280, 390
HEIGHT = 900
# Every page has one of these: a heading, counters, or a state without data.
THERE = ".sg-heading, .sg-totals, .sg-trouble"

PROBES = ("/_stcore/host-config", "/_stcore/health")

expect.set_options(timeout=PATIENCE)

MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: install the package chromium"),
]


@contextmanager
def opened() -> Iterator[BrowserContext]:
    """A window of a headless browser whose visits share everything that the browser keeps.

    Streamlit's scripts are compiled once for all visits, in one process: a later visit takes a third of the CPU.
    """
    with sync_playwright() as playwright, TemporaryDirectory() as profile:
        flags = [*FLAGS, *_ONE_PROCESS]
        window = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=flags)
        yield window
        window.close()


@contextmanager
def served(database_url: str, *arguments: str, money: Money = POUNDS) -> Iterator[str]:
    """The URL of a dashboard that is served as by the command line, on a free port of the loopback interface.

    ``arguments`` are passed to the dashboard's script. ``money`` is how the settings have amounts written.
    """
    [port] = free_ports(1)
    flags = ("--server.headless", "true", "--server.address", "127.0.0.1", "--server.port", str(port))
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py"), *flags]
    command += ["--browser.gatherUsageStats", "false", *(["--", *arguments] if arguments else [])]
    look = {"SEGUE_CURRENCY": money.currency, "SEGUE_LOCALE": money.locale}
    environment = os.environ | look | {"SEGUE_DATABASE_URL": database_url, "PYTHONPATH": str(ROOT)}
    # Standard output belongs to the program that serves it.
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=sys.__stderr__) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            await_health(address)
            yield address
        finally:
            server.terminate()


@contextmanager
def visit(
    window: BrowserContext, address: str, path: str = "", width: int = DESKTOP, colours: str = "light"
) -> Iterator[Page]:
    """Open a page; afterwards check that it had no error and sent requests only to the dashboard."""
    page = window.new_page()
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
    page.set_default_timeout(PATIENCE)
    errors: list[str] = []
    foreign_requests: list[str] = []

    def note_request(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            foreign_requests.append(request.url)

    def note_error(message: ConsoleMessage) -> None:
        # Below the root Streamlit first looks for its server at the page's path, gets a 404, and then tries the root.
        if message.type == "error" and not message.location["url"].endswith(PROBES):
            errors.append(f"{message.text} ({message.location['url']})")

    page.on("console", note_error)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", note_request)
    page.goto(f"{address}/{path}")
    expect(page.locator(THERE).first).to_be_visible(timeout=3 * PATIENCE)
    yield page
    exceptions = page.get_by_test_id("stException").count()
    page.close()
    assert errors == [], errors
    assert foreign_requests == [], foreign_requests
    assert exceptions == 0


@retry(retry=retry_if_exception_type(Error), stop=stop_after_delay(PATIENCE / 1000), reraise=True)
def choose(page: Page, box: Locator, option: str) -> None:
    """Choose from a list; open it again if it closed because the page was still being drawn."""
    box.click()
    try:
        page.get_by_role("option", name=option).click(timeout=LIST_PATIENCE)
    except Error:
        page.keyboard.press("Escape")
        raise


@retry(retry=retry_if_exception_type(TimeoutError), stop=stop_after_delay(PATIENCE / 1000), reraise=True)
def download(page: Page, label: str = "Download CSV") -> Download:
    """The file behind a button; Streamlit forgets a file when the page is drawn again, so the click may be repeated."""
    with page.expect_download(timeout=DOWNLOAD_PATIENCE) as waiting:
        page.get_by_role("button", name=label).click()
    return waiting.value


def settle(page: Page) -> None:
    """Wait until the page is complete."""
    expect(page.locator(THERE).first).to_be_visible(timeout=3 * PATIENCE)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE)
    page.wait_for_load_state("networkidle")


def expect_no_sideways_scrolling(page: Page) -> None:
    """Wait until the page fits the width of the window."""
    fits = "() => (it => it.scrollWidth === it.clientWidth)(document.querySelector('[data-testid=stMain]'))"
    page.wait_for_function(fits, timeout=PATIENCE)


def expect_to_fit_a_phone(page: Page) -> None:
    """Wait until the page fits the width of a phone."""
    page.set_viewport_size({"width": PHONE, "height": HEIGHT})
    expect_no_sideways_scrolling(page)


@retry(retry=retry_if_exception_type(httpx.HTTPError), stop=stop_after_delay(180), wait=wait_fixed(0.2), reraise=True)
def await_health(address: str) -> None:
    """Wait until a dashboard answers."""
    get(f"{address}/_stcore/health").raise_for_status()
