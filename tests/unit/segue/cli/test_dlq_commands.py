"""``segue dlq`` refuses invalid arguments in one line."""

import pytest
from typer.testing import CliRunner

from segue.cli.app import app


@pytest.mark.parametrize("arguments", [[], ["--all", "--reason", "x"], ["0:1", "--all"]])
def test_a_retry_needs_exactly_one_way_to_choose(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["dlq", "retry", *arguments])
    assert result.exit_code == 1
    assert "say which" in result.output


def test_an_invalid_id_is_refused_in_one_line() -> None:
    result = CliRunner().invoke(app, ["dlq", "show", "first"])
    assert result.exit_code == 1
    assert "write PARTITION:OFFSET" in result.output.replace("\n", " ")
