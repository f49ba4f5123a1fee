"""``python -m sim.mutation`` lets the simulator look for a fault that was put back."""

import json

import pytest

from sim.mutation.__main__ import main
from sim.mutation.catalogue import named


def test_a_fault_that_stops_all_publishing_is_found_by_a_seed_with_its_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--only", "writer not initialised", "--seeds", "20", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["unsound"] == []
    [finding] = report["findings"]
    assert finding["name"] == "writer not initialised"
    assert 1 <= finding["seed"] <= 20
    assert finding["reason"]


def test_mutations_are_looked_for_side_by_side_and_a_markdown_table_has_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--only", "revis", "--seeds", "100", "--jobs", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["| mutation | seed | what the simulator says |", "|---|---|---|"]
    names = [line.split(" | ")[0].removeprefix("| ") for line in lines[2:] if line.startswith("|")]
    assert names == [mutation.name for mutation in named("revis")]
    assert lines[-1] == f"{len(names)} of {len(names)} mutations were found."


def test_a_name_that_no_mutation_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "no such mutation"]) == 2
    assert "no mutation has 'no such mutation' in its name" in " ".join(capsys.readouterr().err.split())
