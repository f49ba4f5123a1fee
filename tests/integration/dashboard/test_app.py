"""The dashboard's entry point, in Streamlit's test harness against a real Postgres."""

import sys
from pathlib import Path

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from tests.support import oidc_provider
from tests.support.pages import words

APP = Path(__file__).parents[3] / "dashboard" / "app.py"


@pytest.fixture
def page(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The dashboard on the test's database, not yet opened."""
    monkeypatch.setenv("SEGUE_DATABASE_URL", database_url)
    config.set_option("server.address", "127.0.0.1")
    return AppTest.from_file(str(APP), default_timeout=300)


@pytest.mark.usefixtures("filled")
def test_at_risk_is_the_start_page(page: AppTest) -> None:
    assert "The customers who matter most" in words(page.run())


@pytest.mark.usefixtures("filled")
def test_a_page_says_reading_only_on_the_first_visit(page: AppTest) -> None:
    opened = AppTest.from_function(_open)
    assert "Reading" in words(opened.run())
    assert words(opened.run()) == ""
    assert "Reading" not in words(page.run())


@pytest.mark.parametrize(
    ("variable", "value"), [("SEGUE_DATABASE_URL", "nonsense"), ("SEGUE_BATCH_SIZE", "many"), ("SEGUE_BATCH_SIZE", "0")]
)
def test_settings_that_cannot_be_used_are_named(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    shown = words(page.run())
    assert "The settings are not valid" in shown
    assert variable in shown


def test_without_a_login_it_is_not_served_to_other_machines(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    config.set_option("server.address", "0.0.0.0")  # noqa: S104 - refused
    shown = words(page.run())
    assert "Without a login, it is for this machine only" in shown
    assert "--allow-anonymous" in shown
    monkeypatch.setattr(sys, "argv", ["app.py", "--operator", "--allow-anonymous"])
    assert "can use its buttons" in words(page.run())


@pytest.mark.usefixtures("filled")
def test_without_a_login_it_is_served_to_other_machines_if_somebody_insists(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.set_option("server.address", "0.0.0.0")  # noqa: S104 - insisted
    monkeypatch.setattr(sys, "argv", ["app.py", "--allow-anonymous"])
    assert "The customers who matter most" in words(page.run())


@pytest.mark.usefixtures("filled")
def test_settings_of_a_login_that_is_not_served_show_no_data(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = oidc_provider.settings("https://login.example", "https://segue.example", "postgresql://masked@/shop")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert "The login is not served" in words(page.run())


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("left_out", ["SEGUE_OIDC_ISSUER", "SEGUE_COOKIE_SECRET", "SEGUE_MASKED_DATABASE_URL"])
def test_half_a_login_shows_no_data(page: AppTest, monkeypatch: pytest.MonkeyPatch, left_out: str) -> None:
    settings = oidc_provider.settings("https://login.example", "https://segue.example", "postgresql://masked@/shop")
    for name, value in settings.items():
        if name != left_out:
            monkeypatch.setenv(name, value)
    shown = words(page.run())
    assert "The settings are not valid" in shown
    assert left_out in shown


def _open() -> None:
    from dashboard.shared import page

    page.opening("Data", "What has been streamed.")
