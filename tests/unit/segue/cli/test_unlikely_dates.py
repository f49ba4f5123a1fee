"""A file with a mistyped year is described with a warning, and neither replayed, fitted nor shown in a demo."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from data.datasets import synthetic
from data.datasets.cells import DataError
from segue.cli.app import app

# What becomes of an invoice's date in a spreadsheet, on a keyboard, and at a clock without a battery.
YEARS = [2109, *(pytest.param(year, marks=pytest.mark.slow) for year in (2199, 2101, 1970))]


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    return synthetic.generate(customers=50, days=60, seed=3)


def segue(*arguments: str, folder: Path) -> Result:
    return CliRunner(env={"SEGUE_STATE_DIR": str(folder / ".segue"), "COLUMNS": "500"}).invoke(app, arguments)


def written(raw: pd.DataFrame, year: int, folder: Path) -> tuple[Path, str]:
    """A file in which the year of one invoice is wrong, and this invoice."""
    wrong = raw.copy()
    invoice = str(raw.loc[raw["customer"].notna(), "invoice"].iloc[40])
    rows = wrong["invoice"] == invoice
    wrong.loc[rows, "occurred_at"] = wrong.loc[rows, "occurred_at"].iloc[0].replace(year=year)
    file = folder / "shop.csv"
    synthetic.write(wrong, file)
    return file, invoice


@pytest.mark.parametrize("year", YEARS)
def test_describe_names_the_rows(year: int, raw: pd.DataFrame, tmp_path: Path) -> None:
    file, invoice = written(raw, year, tmp_path)
    done = segue("data", "describe", str(file), folder=tmp_path)
    assert done.exit_code == 0, done.stderr
    rows = raw.loc[raw["invoice"] == invoice, "row"].tolist()
    assert f"{rows[0]}" in done.stderr
    assert f"invoice {invoice} of {year}-" in done.stderr
    assert ("in the future" if year > 2100 else "more than a year from all others") in done.stderr


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("command", [("replay",), ("fit", "--dry-run"), ("fit", "--preset", "classic"), ("demo",)])
def test_other_commands_refuse_the_file_in_one_line(
    command: tuple[str, ...], year: int, raw: pd.DataFrame, tmp_path: Path
) -> None:
    file, invoice = written(raw, year, tmp_path)
    free = ("--port", "0") if command == ("demo",) else ()
    done = segue(*command, *free, str(file), folder=tmp_path)
    assert done.exit_code == 1
    errors = [line for line in done.stderr.splitlines() if "error: " in line]
    assert len(errors) == 1
    assert f"invoice {invoice} of {year}-" in errors[0]
    assert "--accept-dates" in errors[0]
    assert not (tmp_path / ".segue").exists()


def test_an_operator_may_accept_the_dates(raw: pd.DataFrame, tmp_path: Path) -> None:
    file, _ = written(raw, 2109, tmp_path)
    done = segue("fit", "--dry-run", "--accept-dates", str(file), folder=tmp_path)
    assert done.exit_code == 0, done.stderr


def test_a_file_without_mistakes_gets_no_warning(raw: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    synthetic.write(raw, file)
    done = segue("data", "describe", str(file), folder=tmp_path)
    assert done.exit_code == 0
    (note,) = done.stderr.splitlines()[1:]
    assert note.startswith("Times without a zone are taken as UTC.")


@pytest.mark.parametrize("year", [9999, 1899])
def test_a_year_that_the_worker_refuses_is_a_bad_row(year: int, raw: pd.DataFrame, tmp_path: Path) -> None:
    file, _ = written(raw, year, tmp_path)
    done = segue("data", "describe", str(file), folder=tmp_path)
    assert isinstance(done.exception, DataError)
    assert "is not between 1970 and 2200" in str(done.exception)
    assert segue("data", "describe", "--on-error", "skip", str(file), folder=tmp_path).exit_code == 0
