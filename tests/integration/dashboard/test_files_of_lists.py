"""The files of the pages' lists, which may be shorter than the list."""

import pytest

from dashboard.shared import downloads
from tests.support.pages import a_page, words

pytestmark = [
    pytest.mark.usefixtures("filled"),
    pytest.mark.parametrize("name", ["at_risk", "audiences", "shifts", "segments"]),
]


def test_a_complete_file_has_no_note(name: str, database_url: str) -> None:
    assert "The file has" not in words(a_page(name, database_url).run())


def test_a_list_that_is_longer_than_its_file_says_so(
    name: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MOST_ROWS", 3)
    assert "The file has the first 3 of " in words(a_page(name, database_url).run())
