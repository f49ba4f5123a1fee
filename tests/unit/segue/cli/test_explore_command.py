from pathlib import Path

import pytest
from typer.testing import CliRunner

from data.datasets import synthetic
from models.segment_model import from_json
from segue.cli.app import app

pytestmark = pytest.mark.slow

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "shop.csv"
    synthetic.write(synthetic.generate(customers=60, days=60, seed=2), path)
    return path


def test_it_writes_a_page_and_reports_the_path(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    result = RUNNER.invoke(app, ["explore", str(dataset), "-o", str(out), "--k", "3"])
    assert result.exit_code == 0, result.output
    assert "report.html" in result.output.replace("\n", "")
    html = out.read_text(encoding="utf-8")
    assert "<h1>Exploration of shop.csv</h1>" in html
    assert "model k3-" in html


def test_it_replaces_an_earlier_report_but_no_other_file(dataset: Path, tmp_path: Path) -> None:
    out, before = tmp_path / "report.html", dataset.read_bytes()
    for k in ("2", "3"):
        assert RUNNER.invoke(app, ["explore", str(dataset), "-o", str(out), "--k", k]).exit_code == 0
    assert "model k3-" in out.read_text(encoding="utf-8")
    other = tmp_path / "other.html"
    other.write_bytes(before)
    result = RUNNER.invoke(app, ["explore", str(dataset), "-o", str(other)])
    assert result.exit_code == 1
    assert "is not a report" in str(result.exception)
    assert other.read_bytes() == before


def test_a_missing_folder_is_reported_before_any_work(dataset: Path, tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["explore", str(dataset), "-o", str(tmp_path / "none" / "report.html")])
    assert result.exit_code == 1
    assert "is not a folder" in str(result.exception)


@pytest.mark.parametrize("name", ["report.pdf", "report.xlsx", "report"])
def test_a_name_that_promises_another_kind_of_file_is_refused(name: str, dataset: Path, tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["explore", str(dataset), "-o", str(tmp_path / name)])
    assert result.exit_code == 1
    assert "must end with .html" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_window_is_that_of_a_fit(dataset: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "report.html", tmp_path / "model.json"
    result = RUNNER.invoke(app, ["explore", str(dataset), "-o", str(out), "--k", "3", "--window", "30d"])
    assert result.exit_code == 0, result.output
    fitted = RUNNER.invoke(app, ["fit", str(dataset), "-o", str(model), "--k", "3", "--window", "30d", "--dry-run"])
    assert fitted.exit_code == 0, fitted.output
    assert f"model {from_json(model.read_bytes()).version}," in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["explore", "fit"])
def test_a_window_longer_than_the_data_is_mentioned(command: str, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / ("report.html" if command == "explore" else "model.json")
    for window, mentioned in (("30d", False), ("9000d", True)):
        result = RUNNER.invoke(app, [command, str(dataset), "-o", str(out), "--k", "3", "--window", window, "--force"])
        assert result.exit_code == 0, result.output
        said = "everything is in the last 9,000 days: no customer is Inactive yet" in " ".join(result.stderr.split())
        assert said == mentioned


@pytest.mark.parametrize("window", ["0d", "abc", "12h", "36501d"])
def test_a_window_that_is_not_some_whole_days_is_refused(window: str, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    result = RUNNER.invoke(app, ["explore", str(dataset), "-o", str(out), "--window", window])
    assert result.exit_code == 2
    assert "--window" in result.stderr
    assert not out.exists()
