"""docs/testing.md names files, targets and markers that exist, and every row of docs/reliability.md names its tests."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text()
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text()
_TEST = re.compile(r"`(tests/[\w/.]+)`")


@pytest.mark.parametrize("name", sorted(set(_TEST.findall(PAGE + RELIABILITY))))
def test_a_file_of_the_pages_exists(name: str) -> None:
    assert (ROOT / name).exists()


def test_the_page_explains_every_target_of_tests_and_every_marker() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = [name for name in re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE) if name.startswith("test")]
    markers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    assert [name for name in targets if f"`make {name}`" not in PAGE] == []
    assert [name for name in markers if f"| `{name.split(':')[0]}` |" not in PAGE] == []


def test_every_row_about_reliability_names_a_test() -> None:
    promised, _ = RELIABILITY.split("## Faults that are put back")
    rows = [line for line in promised.splitlines() if line.startswith("| ") and not line.startswith("| what happens |")]
    assert len(rows) > 30
    assert [row for row in rows if not _TEST.search(row.strip("| ").split(" | ")[-1])] == []
