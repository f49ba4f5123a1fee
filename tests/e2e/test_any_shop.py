"""The example of a shop in euros: from its export to reconciliation, everything agrees."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.browser import CHROMIUM, ROOT


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.any_shop.run", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_shop_in_euros_agrees_from_its_export_to_reconciliation(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    selected = {item.name for item in request.session.items}
    if CHROMIUM is not None and test_no_page_of_a_shop_in_euros_shows_pounds.__name__ in selected:
        pytest.skip("the test of the pages does all of this, too")
    done = _run("--folder", str(tmp_path), "--no-pages")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything agrees." in done.stdout


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: install the package chromium")
def test_no_page_of_a_shop_in_euros_shows_pounds(tmp_path: Path) -> None:
    done = _run("--folder", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not checked" not in done.stdout
    assert "Everything agrees." in done.stdout
