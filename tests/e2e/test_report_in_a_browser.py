"""The report, opened from a file in a browser without a network."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright
from typer.testing import CliRunner

from segue.cli.app import app
from tests.support.retail import REAL

CHROMIUM = shutil.which("chromium")
# A software renderer: the three-dimensional figure needs WebGL, and a test machine may have no graphics card.
FLAGS = ("--headless", "--no-sandbox", "--no-first-run", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PATIENCE = 60_000
FIGURES = 14

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: install the package chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report that the command has written."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    source = [str(REAL)] if REAL.exists() else []
    result = CliRunner().invoke(app, ["explore", *source, "-o", str(out)])
    assert result.exit_code == 0, result.output
    return out


@pytest.mark.parametrize(("width", "colours"), [(1280, "light"), (400, "dark")])
def test_every_figure_is_drawn_and_the_page_fits(browser: Browser, report: Path, width: int, colours: str) -> None:
    with _open(browser, report, width, colours) as page:
        expect(page.locator("body")).to_have_attribute("data-drawn", colours)
        expect(page.locator(".figure .main-svg:first-of-type")).to_have_count(FIGURES)
        assert page.locator(".figure").count() == FIGURES
        for figure in page.locator(".figure").all():
            # The figure has at least one mark: a bar, a dot, a line, a cell or a WebGL canvas.
            marks = figure.locator(".points path, .point path, .js-line, .hm image, canvas")
            assert marks.count() > 0, figure.get_attribute("id")
            box = figure.bounding_box()
            assert box is not None
            assert box["width"] <= width
        assert page.get_by_text("WebGL is not supported").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_figures_follow_when_the_screen_turns_dark(browser: Browser, report: Path) -> None:
    with _open(browser, report, 1280, "light") as page:
        tick = page.locator("#revenue-month .xtick text").first
        before = tick.evaluate("it => getComputedStyle(it).fill")
        page.emulate_media(color_scheme="dark")
        expect(page.locator("body")).to_have_attribute("data-drawn", "dark", timeout=PATIENCE)
        assert tick.evaluate("it => getComputedStyle(it).fill") != before


def test_a_figure_shows_details_under_the_pointer(browser: Browser, report: Path) -> None:
    with _open(browser, report, 1280, "light") as page:
        page.locator("#snake").scroll_into_view_if_needed()
        page.locator("#snake .points path").first.hover(force=True)
        expect(page.locator("#snake .hoverlayer")).to_contain_text("standard deviations")


@contextmanager
def _open(browser: Browser, report: Path, width: int, colours: str) -> Iterator[Page]:
    """Open the report; afterwards check that it logged no error and made no request but the first."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=colours,  # type: ignore[arg-type]
        offline=True,
    )
    page = context.new_page()
    errors: list[str] = []
    requests: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            requests.append(request.url)

    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", note)
    page.goto(report.as_uri())
    page.wait_for_selector("body[data-drawn]", timeout=PATIENCE)
    yield page
    context.close()
    assert errors == []
    assert requests == [report.as_uri()]
