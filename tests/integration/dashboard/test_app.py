"""The dashboard's front door, run by Streamlit's own test harness against a real Postgres."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.pages import words

APP = Path(__file__).parents[3] / "dashboard" / "app.py"


@pytest.fixture
def page(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The dashboard on the test's database, not yet opened."""
    monkeypatch.setenv("SEGUE_DATABASE_URL", database_url)
    return AppTest.from_file(str(APP), default_timeout=300)


@pytest.mark.usefixtures("filled")
def test_who_is_about_to_slip_is_what_people_see_first(page: AppTest) -> None:
    assert "Who leaves a good segment and when" in words(page.run())


@pytest.mark.usefixtures("filled")
def test_a_page_says_that_it_is_being_read_only_until_it_has_been_seen(page: AppTest) -> None:
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
    said = words(page.run())
    assert "The settings can't be used" in said
    assert variable in said


def _open() -> None:
    from dashboard.shared import page

    page.opening("Data", "What has been streamed.")
