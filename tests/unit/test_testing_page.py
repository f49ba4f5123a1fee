"""docs/testing.md names files, targets and markers that exist."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(tests/[\w/.]+)`", PAGE))))
def test_a_file_of_the_page_exists(name: str) -> None:
    assert (ROOT / name).exists()


def test_the_page_explains_every_target_of_tests_and_every_marker() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = [name for name in re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE) if name.startswith("test")]
    markers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    assert [name for name in targets if f"`make {name}`" not in PAGE] == []
    assert [name for name in markers if f"| `{name.split(':')[0]}` |" not in PAGE] == []
