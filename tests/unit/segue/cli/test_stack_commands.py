"""What ``segue demo`` does with the synthetic data of an earlier demo, and ``segue down`` without a stack."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from segue.cli import stack_commands
from segue.cli.app import app


def chosen(name: str) -> Any:
    return SimpleNamespace(dataset=SimpleNamespace(name=name))


@pytest.mark.parametrize(
    ("held", "name", "kept"),
    [
        ("synthetic", "online_retail_II.parquet", False),
        ("synthetic", "synthetic", True),
        ("shop.csv", "online_retail_II.parquet", True),
    ],
)
def test_only_synthetic_data_makes_way_for_a_downloaded_dataset(
    held: str, name: str, kept: bool, tmp_path: Path
) -> None:
    (tmp_path / stack_commands.DATASET_FILE).write_text(held)
    (tmp_path / "postgres").mkdir()
    (tmp_path / "datasets").mkdir()
    stack_commands._forget_synthetic_data(chosen(name), tmp_path)
    assert (tmp_path / "postgres").exists() is kept
    assert (tmp_path / "datasets").exists()


def test_advice_names_a_state_folder_that_other_commands_would_not_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEGUE_STATE_DIR", raising=False)
    assert stack_commands._in(Path(".segue")) == ""
    assert stack_commands._in(Path("my own")) == f"SEGUE_STATE_DIR='{tmp_path}/my own' "
    monkeypatch.setenv("SEGUE_STATE_DIR", "my own")
    assert stack_commands._in(Path("my own")) == ""


def test_without_a_stack_there_is_nothing_to_stop(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["down", "--state-dir", str(tmp_path)])
    assert done.exit_code == 0
    assert done.stderr == f"Nothing to stop: no stack is running in {tmp_path}.\n"
