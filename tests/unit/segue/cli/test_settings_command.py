"""``segue settings`` and the warning of unknown variables, as users see them."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from segue.cli.app import app


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in [name for name in os.environ if name.startswith("SEGUE_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)


def test_an_unknown_variable_is_reported_in_one_line_with_the_nearest_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_CURENCY", "EUR")
    monkeypatch.setenv("SEGUE_QQQQQQQQ", "1")
    monkeypatch.setenv("SEGUE_TEST_ANYTHING", "1")
    done = CliRunner().invoke(app, ["settings", "--json"])
    assert done.exit_code == 0
    assert done.stderr == (
        "warning: not a setting, so without effect: SEGUE_CURENCY (do you mean SEGUE_CURRENCY?), SEGUE_QQQQQQQQ; "
        "`segue settings` shows all\n"
    )
    assert {"name", "variable", "value", "source"} == set(json.loads(done.stdout)[0])


def test_without_unknown_variables_there_is_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_CURRENCY", "EUR")
    done = CliRunner().invoke(app, ["settings"])
    assert done.stderr == ""
    assert "EUR" in done.stdout
