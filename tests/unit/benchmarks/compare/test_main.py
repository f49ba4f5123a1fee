"""The command, as far as it needs no server: in the process of the test where that is enough, as it starts slowly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.compare.__main__ import main
from benchmarks.compare.options import parse
from benchmarks.compare.results import from_json
from benchmarks.compare.tables import markdown
from tests.support.benchmark_reports import a_run, report

COMMAND = [sys.executable, "-m", "benchmarks.compare"]


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def run_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int | str | None, str]:
    """The exit code, or the complaint that Python prints in the place of 1, and what is printed."""
    monkeypatch.setattr(sys, "argv", ["compare", *arguments])
    try:
        code: int | str | None = main()
    except SystemExit as end:
        code = end.code
    return code, capsys.readouterr().out


@pytest.mark.slow
def test_without_java_one_line_says_what_to_do(tmp_path: Path) -> None:
    done = run("--quick", JAVA_HOME=str(tmp_path))
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "Java 17 or newer" in line
    assert line.endswith("or leave Apache Kafka out with --brokers embedded")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_an_earlier_output_is_shown_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = report([a_run("segue", 5_000.0)])
    file = tmp_path / "report.json"
    file.write_bytes(found.json())
    assert run_here(monkeypatch, capsys, "--read", str(file)) == (0, markdown(found))


@pytest.mark.slow
def test_a_file_that_is_no_output_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.json"
    file.write_text("{}")
    complaint, printed = run_here(monkeypatch, capsys, "--read", str(file))
    assert printed == ""
    assert str(complaint).startswith(f"error: {file} is not the --json output of a benchmark")


@pytest.mark.slow
def test_a_part_that_fails_keeps_what_the_others_have_measured(tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    done = run("--only", "replay", "--brokers", "embedded", "--dataset", str(missing), "--json")
    assert done.returncode == 1
    assert f"{missing}" in done.stderr
    assert "Traceback" not in done.stderr
    assert from_json(done.stdout.encode()).replays == []


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many"])
def test_what_is_no_positive_number_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([f"--rounds={text}"], "")
    assert f"{text} is not a positive number" in capsys.readouterr().err
