"""The dashboard's entry point, in Streamlit's test harness against a real Postgres."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.pages import words

APP = Path(__file__).parents[3] / "dashboard" / "app.py"


@pytest.fixture
def page(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The dashboard on the test's database, not yet opened."""
    monkeypatch.setenv("SEGUE_DATABASE_URL", database_url)
    return AppTest.from_file(str(APP), default_timeout=30)


@pytest.mark.usefixtures("filled")
def test_about_to_slip_is_the_start_page(page: AppTest) -> None:
    assert "Customers who will leave a good segment" in words(page.run())


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


def _open() -> None:
    from dashboard.shared import page

    page.opening("Data", "What has been streamed.")
