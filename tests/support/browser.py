"""Chromium on a running dashboard: everything real, and nothing may go wrong in the page."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, Request, expect, sync_playwright
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from segue.local.ports import free_ports

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
# In milliseconds: a few refreshes of the page on a machine that is slow and busy with something else.
PATIENCE = 60_000
# An open list has its options at once.
LIST_PATIENCE = 3_000
DESKTOP, PHONE = 1280, 390
HEIGHT = 900
# A page is there when its heading, its counters or a state without data is.
THERE = ".sg-heading, .sg-totals, .sg-trouble"

PROBES = ("/_stcore/host-config", "/_stcore/health")

expect.set_options(timeout=PATIENCE)

MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: install the package chromium"),
]


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield chromium
        chromium.close()


@contextmanager
def served(database_url: str, *arguments: str) -> Iterator[str]:
    """The address of the dashboard, served as the command line does, on a free port of the loopback interface.

    ``arguments`` go to the dashboard's own script.
    """
    [port] = free_ports(1)
    flags = ("--server.headless", "true", "--server.address", "127.0.0.1", "--server.port", str(port))
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py"), *flags]
    command += ["--browser.gatherUsageStats", "false", *(["--", *arguments] if arguments else [])]
    environment = os.environ | {"SEGUE_DATABASE_URL": database_url, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, cwd=ROOT) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _await_health(address)
            yield address
        finally:
            server.terminate()


@contextmanager
def visit(
    browser: Browser, address: str, path: str = "", width: int = DESKTOP, colours: str = "light"
) -> Iterator[Page]:
    """Open a page; when it is left, nothing may have gone wrong in it and nobody else been asked for anything."""
    page = browser.new_page(viewport={"width": width, "height": HEIGHT}, color_scheme=colours)  # type: ignore[arg-type]
    page.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    strangers: list[str] = []

    def note_stranger(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            strangers.append(request.url)

    def note_error(message: ConsoleMessage) -> None:
        # On a page below the root Streamlit first asks there where its server is, is told 404, and finds the root.
        if message.type == "error" and not message.location["url"].endswith(PROBES):
            complaints.append(f"{message.text} ({message.location['url']})")

    page.on("console", note_error)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", note_stranger)
    page.goto(f"{address}/{path}")
    expect(page.locator(THERE).first).to_be_visible(timeout=3 * PATIENCE)
    yield page
    exceptions = page.get_by_test_id("stException").count()
    page.close()
    assert complaints == [], complaints
    assert strangers == [], strangers
    assert exceptions == 0


@retry(retry=retry_if_exception_type(Error), stop=stop_after_delay(PATIENCE / 1000), reraise=True)
def choose(page: Page, box: Locator, option: str) -> None:
    """Choose from a list, which is opened again where it closed because a page still being drawn moved under it."""
    box.click()
    try:
        page.get_by_role("option", name=option).click(timeout=LIST_PATIENCE)
    except Error:
        page.keyboard.press("Escape")
        raise


def expect_no_sideways_scrolling(page: Page) -> None:
    """The page fits the window's width, once it is drawn."""
    fits = "() => (it => it.scrollWidth === it.clientWidth)(document.querySelector('[data-testid=stMain]'))"
    page.wait_for_function(fits, timeout=PATIENCE)


def expect_to_fit_a_phone(page: Page) -> None:
    """The page fits a phone's width, too."""
    page.set_viewport_size({"width": PHONE, "height": HEIGHT})
    expect_no_sideways_scrolling(page)


@retry(retry=retry_if_exception_type(httpx.HTTPError), stop=stop_after_delay(60), wait=wait_fixed(0.2), reraise=True)
def _await_health(address: str) -> None:
    httpx.get(f"{address}/_stcore/health").raise_for_status()
