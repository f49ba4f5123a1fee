"""What ``segue demo`` does with the synthetic data of an earlier demo, and ``segue down`` without a stack."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from data.datasets import synthetic
from data.postgres import model_registry
from producers import replay_session
from segue.cli import stack_commands
from segue.cli.app import app
from segue.local import demo as demos


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


class FakeStack:
    """A stack that starts nothing, and says on which port the dashboard should listen."""

    settings: Mapping[str, str] = {"bootstrap_servers": "127.0.0.1:9092"}

    def __init__(self, state_dir: Path, *_: object, **__: object) -> None:
        self._folder = state_dir

    def __enter__(self) -> "FakeStack":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start_workers(self, _: int) -> list[Any]:
        return [SimpleNamespace(pid=1, log_file=self._folder / "worker.log")]

    def start_dashboard(self, port: int, _: bool) -> None:
        (self._folder / "port").write_text(str(port))

    def watch(self, _: object) -> None:
        pass

    def wait(self) -> None:
        pass


def a_file(folder: Path) -> Path:
    found = folder / "shop.csv"
    synthetic.write(synthetic.generate(customers=20, days=420, seed=4), found)
    return found


@pytest.mark.parametrize("command", ["up", "demo"])
def test_any_free_port_is_printed_as_the_one_that_the_dashboard_listens_on(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_commands, "Stack", FakeStack)
    monkeypatch.setattr(stack_commands, "engine", lambda _: None)
    monkeypatch.setattr(replay_session, "other_datasets", lambda *_: [])
    monkeypatch.setattr(model_registry, "champion_version", lambda _: "k5")
    monkeypatch.setattr(demos, "run_live", lambda *_: False)
    monkeypatch.setenv("SEGUE_DATABASE_URL", "postgresql://me@127.0.0.1:1/none")
    files = [str(a_file(tmp_path))] if command == "demo" else []
    done = CliRunner().invoke(app, [command, *files, "--port", "0", "--state-dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    port = int((tmp_path / "port").read_text())
    assert port > 0
    assert f"Dashboard: http://127.0.0.1:{port}" in done.output


def test_without_a_stack_there_is_nothing_to_stop(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["down", "--state-dir", str(tmp_path)])
    assert done.exit_code == 0
    assert done.stderr == f"Nothing to stop: no stack is running in {tmp_path}.\n"
