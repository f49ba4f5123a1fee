"""``segue replay`` without a stack: a dry run, and what is refused before anything is sent."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from data.datasets import synthetic
from data.datasets.load import load
from segue.cli.app import app


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("shop") / "shop.csv"
    synthetic.write(synthetic.generate(customers=30, days=40, seed=3), file)
    return file


def _segue(folder: Path, *arguments: str, **environment: str) -> Result:
    variables = {"SEGUE_STATE_DIR": str(folder / ".segue"), "COLUMNS": "500"} | environment
    return CliRunner(env=variables).invoke(app, ["replay", *arguments])


def _refusal(result: Result) -> str:
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if "error: " in line] or [str(result.exception)]
    assert len(errors) == 1
    return errors[0]


def test_a_dry_run_says_what_would_be_sent_and_needs_no_stack(shop: Path, tmp_path: Path) -> None:
    report = load(shop).report
    done = _segue(tmp_path, str(shop), "--dry-run", "--rate", "2")
    assert done.exit_code == 0, done.output
    assert f"{report.transactions:,} transactions of shop.csv from {report.first} to {report.last}" in done.stdout
    assert "ticks to every partition" in done.stdout
    # With a rate alone, nothing else paces.
    assert f"into the topic segue.transactions.v1 at max: {_seconds(report.transactions / 2)}" in done.stdout
    assert not (tmp_path / ".segue").exists()


def _seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return " ".join(f"{number} {unit}" for number, unit in ((minutes, "min"), (rest, "s")) if number)


def test_a_dry_run_writes_the_records_as_lines(shop: Path, tmp_path: Path) -> None:
    printed = _segue(tmp_path, str(shop), "--dry-run", "--json", "--until", "2009-12-20")
    assert printed.exit_code == 0
    records = [json.loads(line) for line in printed.stdout.splitlines()]
    moments = [each["value"].get("at") or each["value"]["occurred_at"] for each in records]
    assert moments == sorted(moments)
    assert moments[-1] == "2009-12-20T00:00:00Z"
    out = tmp_path / "records.jsonl"
    assert _segue(tmp_path, str(shop), "--dry-run", "--out", str(out), "--until", "2009-12-20").exit_code == 0
    assert out.read_text() == printed.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["records.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--resend-dead-letters"], "needs --resume"),
        (["--out", "x.jsonl"], "needs --dry-run"),
        (["--dry-run", "--resume"], "asks no stack"),
        (["--dry-run", "--since", "2090-01-01"], "its transactions are from 2009-12-"),
        (["--dry-run", "--since", "2009-12-20", "--until", "2009-12-20"], "no transaction of shop.csv"),
        (["--dry-run", "--chaos", "late=7"], "late=7 is not a share from 0 to 1"),
        (["--dry-run", "--out", "no/such/folder/x.jsonl"], "there is no folder no/such/folder"),
        (["--dry-run", "--out", "."], "it is a folder"),
    ],
)
def test_what_can_not_be_done_is_refused_in_one_line(
    shop: Path, tmp_path: Path, arguments: list[str], named: str
) -> None:
    assert named in _refusal(_segue(tmp_path, str(shop), *arguments))


def test_a_file_in_another_currency_is_refused_before_anything_is_sent(shop: Path, tmp_path: Path) -> None:
    refused = _refusal(_segue(tmp_path, str(shop), "--set", "money.currency=GBP", SEGUE_CURRENCY="EUR"))
    assert "shop.csv is in GBP, and the stream in EUR" in refused


@pytest.mark.parametrize("text", ["yesterday", "2010-13-01", "", "1.2.2010"])
def test_a_bad_date_is_refused_with_examples(shop: Path, tmp_path: Path, text: str) -> None:
    done = _segue(tmp_path, str(shop), "--dry-run", "--since", text)
    assert done.exit_code == 2
    assert "2010-12-01T08:26:00" in done.output


@pytest.mark.parametrize("text", ["2009-12-20", "2009-12-20 00:00:00+00:00", "2009-12-20T01:00:00+01:00"])
def test_a_moment_may_be_written_as_segue_prints_it(shop: Path, tmp_path: Path, text: str) -> None:
    done = _segue(tmp_path, str(shop), "--dry-run", "--until", text)
    assert done.stdout == _segue(tmp_path, str(shop), "--dry-run", "--until", "2009-12-20").stdout
