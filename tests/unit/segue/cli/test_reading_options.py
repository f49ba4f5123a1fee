"""Options about files are refused where no files are named: the dataset that is then used is read in its own way."""

from pathlib import Path

import pytest

from tests.support.commands import in_process

ABOUT_FILES = [("--set", "time.day_first=true"), ("--mapping", "shop.toml"), ("--rejects", "out.csv")]
COMMANDS = [("data", "describe"), ("demo", "--port=0"), ("explore",), ("fit",), ("replay",), ("score",), ("reconcile",)]


@pytest.mark.parametrize("option", ABOUT_FILES, ids=lambda option: option[0])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_option_about_files_needs_files(
    command: tuple[str, ...], option: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = in_process(*command, *option)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"error: {option[0]} needs FILES: name the files that it is about"]
    assert list(tmp_path.iterdir()) == []
