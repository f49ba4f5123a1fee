"""The dashboard with a login, in a browser, with a provider that runs on this machine.

With SEGUE_TEST_SCREENSHOTS=FOLDER screenshots of the pages are kept.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import Engine, text

from data.postgres import audit, replay_control, roles
from data.postgres.audit import Recorded
from data.postgres.database import engine, migrate
from data.postgres.replay_control import Heartbeat
from tests.support import browser, oidc_provider, shop_with_a_login
from tests.support.browser import DESKTOP, HEIGHT, PATIENCE, PHONE, download, expect_no_sideways_scrolling, settle
from tests.support.local_stack import wait_until
from tests.support.oidc_provider import log_in
from tests.support.postgres import new_database, running_postgres
from tests.support.shop_with_a_login import ACCOUNTS, Shop, served

pytestmark = browser.MARKS

PAGES = (
    *("", "audiences", "live", "shifts", "segments", "campaigns", "customer", "simulator", "data", "model"),
    "operations",
)
LISTS = ("", "shifts", "segments")
ENDED = "Your login has ended"
# Findings that axe-core calls serious or critical are errors; the frame around the pages is Streamlit's.
GRAVE = {"serious", "critical"}
OURS = {"include": [["[data-testid=stMain]"], ["[data-testid=stPopoverBody]"]]}


@dataclass
class Seen:
    """Somebody's browser: its page, and everything that the dashboard has sent to it."""

    page: Page
    received: list[bytes] = field(default_factory=list)

    def everything(self) -> str:
        """All texts that have reached the browser, and what the page shows now."""
        self.received.append(self.page.content().encode())
        return b"\n".join(self.received).decode("utf-8", "replace")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server, new_database(server) as url:
        migrate(url)
        owner = engine(url)
        yield shop_with_a_login.fill(owner)
        owner.dispose()


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with oidc_provider.provider(ACCOUNTS) as found:
        yield found


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "dashboard.log"


@pytest.fixture(scope="module")
def dashboard(shop: Shop, issuer: str, log: Path) -> Iterator[str]:
    """One process for everybody, as in a shop: what it keeps for one must not be shown to another."""
    with served(shop, issuer, log, "--operator") as address:
        yield address


@contextmanager
def visitor(window: BrowserContext, address: str, width: int = DESKTOP, colours: str = "light") -> Iterator[Seen]:
    """A browser that nobody has logged in with: the cookies of the last visitor are gone."""
    window.clear_cookies()
    page = window.new_page()
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
    page.set_default_timeout(PATIENCE)
    seen = Seen(page)

    def keep(payload: str | bytes) -> None:
        seen.received.append(payload.encode() if isinstance(payload, str) else payload)

    page.on("websocket", lambda socket: socket.on("framereceived", keep))
    page.goto(address)
    yield seen
    assert page.get_by_test_id("stException").count() == 0
    page.close()


@contextmanager
def logged_in(
    window: BrowserContext, address: str, subject: str, width: int = DESKTOP, colours: str = "light"
) -> Iterator[Seen]:
    """A browser of its own, in which somebody has logged in."""
    with visitor(window, address, width, colours) as seen:
        log_in(seen.page, subject)
        expect(seen.page.get_by_role("button", name="Account")).to_be_visible()
        yield seen


def open_page(seen: Seen, address: str, path: str) -> None:
    seen.page.goto(f"{address}/{path}")
    expect(seen.page.get_by_role("button", name="Account")).to_be_visible()
    settle(seen.page)


def last(shop: Shop, act: str) -> Recorded:
    [found] = audit.acts(shop.owner, 1, act=act)
    return found


@pytest.mark.parametrize("path", ["", "slipping", "customer?customer=nobody", "operations"])
def test_nobody_sees_anything_before_a_login(window: BrowserContext, shop: Shop, dashboard: str, path: str) -> None:
    with visitor(window, f"{dashboard}/{path}") as seen:
        expect(seen.page.get_by_role("heading", name="Log in to see the segments")).to_be_visible()
        settle(seen.page)
        assert seen.page.get_by_role("link", name="Segments").count() == 0
        shown = seen.everything()
        assert not [each for each in shop.ids if each in shown]
        assert "Champions" not in shown


def test_an_account_without_a_role_sees_one_page_and_no_data(
    window: BrowserContext, shop: Shop, dashboard: str
) -> None:
    with visitor(window, dashboard) as seen:
        log_in(seen.page, "nora")
        expect(seen.page.get_by_role("heading", name="Your account has no role here")).to_be_visible()
        expect(seen.page.get_by_text("nora@shop.example")).to_be_visible()
        seen.page.goto(f"{dashboard}/segments")
        expect(seen.page.get_by_role("heading", name="Your account has no role here")).to_be_visible()
        shown = seen.everything()
        assert not [each for each in shop.ids if each in shown]
        assert "Champions" not in shown


def test_a_marketer_sees_ids_and_every_file_is_recorded(window: BrowserContext, shop: Shop, dashboard: str) -> None:
    with logged_in(window, dashboard, "mia") as seen:
        for path in PAGES:
            open_page(seen, dashboard, path)
        for path, begin in zip(LISTS, ("about-to-slip-", "shifts-", "segue-customers.csv"), strict=True):
            open_page(seen, dashboard, path)
            rows = download(seen.page).path().read_text()
            assert "shopper-" in rows
            recorded = last(shop, "download")
            assert (recorded.subject, recorded.email, recorded.role) == ("mia", "mia@shop.example", "marketer")
            assert recorded.object.startswith(begin)
            assert recorded.detail["rows"] == len(rows.splitlines()) - 1
            assert (recorded.outcome, recorded.detail["masked"]) == ("done", False)
            assert recorded.database_user == "segue_dashboard_login"
        wanted = shop.lived.customers[0]["customer_id"]
        open_page(seen, dashboard, f"customer?customer={wanted}")
        expect(seen.page.locator(f"[data-customer='{wanted}']")).to_be_visible()


# After the marketer: what the process has kept from those visits must not reach the analyst.
def test_an_analyst_sees_no_id_anywhere(window: BrowserContext, shop: Shop, dashboard: str) -> None:
    with logged_in(window, dashboard, "mia") as seen:
        for path in PAGES:
            open_page(seen, dashboard, path)
    with logged_in(window, dashboard, "ali") as seen:
        files = []
        for path in PAGES:
            open_page(seen, dashboard, path)
            seen.received.append(seen.page.content().encode())
        for path in LISTS:
            open_page(seen, dashboard, path)
            files.append(download(seen.page).path().read_text())
            assert "m-" in files[-1]
            recorded = last(shop, "download")
            assert (recorded.subject, recorded.role, recorded.detail["masked"]) == ("ali", "analyst", True)
            assert recorded.database_user == "segue_masked_login"
        open_page(seen, dashboard, "segments")
        seen.page.locator("a.sg-id").first.click()
        expect(seen.page.locator("[data-customer^='m-']")).to_be_visible()
        settle(seen.page)
        shown = seen.everything() + "".join(files)
        assert not [each for each in shop.ids if each in shown]
        assert "m-" in shown


def test_an_analyst_cannot_find_a_customer_by_a_true_id(window: BrowserContext, shop: Shop, dashboard: str) -> None:
    wanted = shop.lived.customers[0]["customer_id"]
    with shop.owner.connect() as connection:
        query = text("SELECT mask FROM customer_masks WHERE customer_id = :id")
        masked = connection.execute(query, {"id": wanted}).scalar_one()
    with logged_in(window, dashboard, "ali") as seen:
        open_page(seen, dashboard, f"customer?customer={masked}")
        expect(seen.page.locator(f"[data-customer='{masked}']")).to_be_visible()
        open_page(seen, dashboard, f"customer?customer={wanted}")
        expect(seen.page.locator(f"[data-unknown='{wanted}']")).to_be_visible()
        expect(seen.page.locator(f"[data-customer='{masked}']")).to_have_count(0)
        open_page(seen, dashboard, f"simulator?customer={masked}")
        expect(seen.page.get_by_text("does not exist")).to_have_count(0)
        open_page(seen, dashboard, f"simulator?customer={wanted}")
        expect(seen.page.get_by_text("does not exist")).to_be_visible()
        open_page(seen, dashboard, "segments")
        seen.page.get_by_label("Customer number begins with").fill("shopper-")
        expect(seen.page.get_by_text("No customer matches")).to_be_visible()


def test_only_an_operator_has_buttons_and_what_they_do_is_recorded(
    window: BrowserContext, shop: Shop, dashboard: str
) -> None:
    _replay(shop.owner)
    for somebody in ("mia", "ali"):
        with logged_in(window, dashboard, somebody) as seen:
            open_page(seen, dashboard, "operations")
            expect(seen.page.get_by_text("Operators can pause a replay")).to_be_visible()
            for name in ("Pause", "Resume", "Set speed", "Retry"):
                expect(seen.page.get_by_role("button", name=name)).to_have_count(0)
    with logged_in(window, dashboard, "olga") as seen:
        open_page(seen, dashboard, "operations")
        seen.page.get_by_role("button", name="Pause").click()
        expect(seen.page.get_by_text("shop will pause")).to_be_visible()
        recorded = last(shop, "control pause")
        assert (recorded.subject, recorded.email, recorded.role) == ("olga", "olga@shop.example", "operator")
        assert (recorded.outcome, recorded.detail) == ("done", {"datasets": ["shop"]})
        assert recorded.database_user == "segue_operator_login"
        assert replay_control.replays(shop.owner)[0].wanted_paused


def test_an_act_that_cannot_be_recorded_is_not_done(window: BrowserContext, shop: Shop, dashboard: str) -> None:
    _replay(shop.owner)
    with logged_in(window, dashboard, "olga") as seen, _no_audit(shop.owner):
        open_page(seen, dashboard, "operations")
        seen.page.get_by_role("button", name="Pause").click()
        expect(seen.page.get_by_text("Failed:")).to_be_visible()
        assert not replay_control.replays(shop.owner)[0].wanted_paused
        open_page(seen, dashboard, "segments")
        seen.page.get_by_role("button", name="Download CSV").click()
        expect(seen.page.get_by_text("Failed to generate file")).to_be_visible()


def test_logging_out_ends_it_and_somebody_else_can_log_in(window: BrowserContext, shop: Shop, dashboard: str) -> None:
    with logged_in(window, dashboard, "mia") as seen:
        open_page(seen, dashboard, "live")
        wait_until(lambda: "shopper-" in seen.everything())
        seen.page.get_by_role("button", name="Account").click()
        expect(seen.page.get_by_text("mia@shop.example")).to_be_visible()
        expect(seen.page.get_by_text("Role: marketer")).to_be_visible()
        seen.page.get_by_role("button", name="Log out").click()
        # The provider asks whether its own session is to end, too.
        seen.page.locator("button[type=submit]").first.click()
        expect(seen.page.get_by_role("heading", name="Log in to see the segments")).to_be_visible()
        assert not [each for each in seen.page.context.cookies() if each["name"].startswith("_streamlit_user")]
        seen.received.clear()
        log_in(seen.page, "ali")
        expect(seen.page.get_by_role("button", name="Account")).to_be_visible()
        open_page(seen, dashboard, "live")
        assert "shopper-" not in seen.everything()


def test_a_changed_or_foreign_cookie_is_no_login(window: BrowserContext, dashboard: str) -> None:
    with logged_in(window, dashboard, "mia") as seen:
        context = seen.page.context
        [cookie] = [each for each in context.cookies() if each["name"] == "_streamlit_user"]
        assert cookie["httpOnly"]
        value = cookie["value"]
        middle = len(value) // 4
        forged = f"{value[:middle]}{'A' if value[middle] != 'A' else 'B'}{value[middle + 1 :]}"
        context.add_cookies([{"name": "_streamlit_user", "value": forged, "url": dashboard}])
        seen.page.goto(f"{dashboard}/segments")
        expect(seen.page.get_by_role("heading", name="Log in to see the segments")).to_be_visible()


def test_a_login_ends_while_a_page_is_open(window: BrowserContext, shop: Shop, issuer: str, log: Path) -> None:
    with (
        served(shop, issuer, log, lifetime=timedelta(seconds=120)) as address,
        logged_in(window, address, "mia") as seen,
    ):
        expect(seen.page.get_by_role("heading", name=ENDED)).to_be_visible(timeout=3 * PATIENCE)
        expect(seen.page.locator("table")).to_have_count(0)
        seen.page.goto(f"{address}/segments")
        expect(seen.page.get_by_role("heading", name=ENDED)).to_be_visible()
        seen.page.get_by_role("button", name="Log in again").click()
        seen.page.get_by_role("button", name="mia").click()
        expect(seen.page.get_by_role("button", name="Account")).to_be_visible()


def test_a_masked_user_who_can_see_ids_is_refused(window: BrowserContext, shop: Shop, issuer: str, log: Path) -> None:
    dashboards = shop.url(roles.DASHBOARD)
    with served(shop, issuer, log, SEGUE_MASKED_DATABASE_URL=dashboards) as address, visitor(window, address) as seen:
        log_in(seen.page, "ali")
        expect(seen.page.get_by_role("heading", name="The settings are not valid")).to_be_visible()
        expect(seen.page.get_by_text("can read customers' ids")).to_be_visible()
        expect(seen.page.get_by_text("Correct SEGUE_MASKED_DATABASE_URL")).to_be_visible()
        assert "shopper-" not in seen.everything()


def test_no_secret_is_in_a_log_or_in_the_list_of_processes(dashboard: str, log: Path) -> None:
    secrets = (oidc_provider.CLIENT_SECRET, oidc_provider.COOKIE_SECRET)
    port = dashboard.rpartition(":")[2].encode()
    commands = _commands()
    assert any(port in command and b"served.py" in command for command in commands)
    for secret in secrets:
        assert not [command for command in commands if secret.encode() in command]
        assert secret not in log.read_text()


@pytest.mark.parametrize(("width", "colours"), [(PHONE, "light"), (DESKTOP, "dark")])
def test_the_pages_of_a_login_fit_and_are_accessible(
    window: BrowserContext, dashboard: str, width: int, colours: str
) -> None:
    folder = os.environ.get("SEGUE_TEST_SCREENSHOTS")

    def check(page: Page, name: str) -> None:
        expect_no_sideways_scrolling(page)
        if folder:
            page.screenshot(path=Path(folder) / f"login-{name}-{width}-{colours}.png")
        found = Axe().run(page, context=OURS, options={"resultTypes": ["violations"]}).response["violations"]
        nodes = [(rule, node) for rule in found if rule["impact"] in GRAVE for node in rule["nodes"]]
        assert [(rule["id"], node["html"][:200]) for rule, node in nodes] == []

    with visitor(window, dashboard, width, colours) as seen:
        expect(seen.page.get_by_role("button", name="Log in")).to_be_visible()
        check(seen.page, "asked")
        log_in(seen.page, "nora")
        expect(seen.page.get_by_role("heading", name="Your account has no role here")).to_be_visible()
        check(seen.page, "without-a-role")
    with logged_in(window, dashboard, "ali", width, colours) as seen:
        settle(seen.page)
        seen.page.get_by_role("button", name="Account").click()
        expect(seen.page.get_by_text("ids are masked")).to_be_visible()
        check(seen.page, "account")
        open_page(seen, dashboard, "customer")
        check(seen.page, "customer")


def _commands() -> list[bytes]:
    """The command lines of all processes."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        # A process may end before its line is read.
        with suppress(OSError):
            found.append(file.read_bytes())
    return found


def _replay(owner: Engine) -> None:
    """A replay that runs, as far as Postgres knows."""
    at = datetime(2011, 6, 15, tzinfo=UTC)
    replay_control.begin(owner, "shop", Heartbeat("running", at, 1, 2, 0, 1.0))
    with owner.begin() as connection:
        connection.execute(
            text("UPDATE replay_control SET heartbeat_at = now() + interval '1 hour', wanted_paused = false")
        )


@contextmanager
def _no_audit(owner: Engine) -> Iterator[None]:
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO audit_elsewhere"))
    try:
        yield
    finally:
        with owner.begin() as connection:
            connection.execute(text("ALTER TABLE audit_elsewhere RENAME TO audit"))
