"""``segue dlq`` refuses invalid arguments in one line."""

import pytest
from typer.testing import CliRunner

from segue.cli.app import app


@pytest.mark.parametrize("command", [["retry"], ["discard", "--why", "x"]])
@pytest.mark.parametrize("arguments", [[], ["--all", "--reason", "x"], ["0:1", "--all"]])
def test_retrying_and_discarding_need_exactly_one_way_to_choose(command: list[str], arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["dlq", *command, *arguments])
    assert result.exit_code == 1
    assert "say which" in result.output


def test_an_invalid_id_is_refused_in_one_line() -> None:
    result = CliRunner().invoke(app, ["dlq", "show", "first"])
    assert result.exit_code == 1
    assert "write PARTITION:OFFSET" in result.output.replace("\n", " ")


@pytest.mark.parametrize("why", ["", " ", "x" * 401, "a\u202eb"])
def test_discarding_needs_a_reason_that_a_person_can_read(why: str) -> None:
    result = CliRunner().invoke(app, ["dlq", "discard", "--all", "--why", why])
    assert result.exit_code == 1
    assert "--why must be a printable text" in result.output
