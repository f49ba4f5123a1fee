"""A dead letter is shown so that people can read it, whatever it holds."""

import json

import pytest
from typer.testing import CliRunner

from segue.cli.app import app
from segue.cli.dlq_commands import readable


def test_json_is_shown_in_lines() -> None:
    assert readable(b'{"a":[1,2],"b":"x"}').splitlines()[0] == "{"
    assert json.loads(readable(b'{"a":[1,2],"b":"x"}')) == {"a": [1, 2], "b": "x"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "(no value)"),
        (b"", ""),
        (b'{"a":', '{"a":'),
        ("café".encode(), "café"),
        (b"one\ntwo\x1b[31m\x07", "one\ntwo\\x1b[31m\\x07"),
    ],
)
def test_text_is_shown_as_it_is_but_for_what_would_upset_a_terminal(value: bytes | None, shown: str) -> None:
    assert readable(value) == shown


def test_bytes_are_shown_as_hexadecimal() -> None:
    assert readable(b"\xff\x00segue" + b"\x01" * 10) == (
        "00000000  ff 00 73 65 67 75 65 01 01 01 01 01 01 01 01 01  ..segue.........\n"
        "00000010  01                                               ."
    )


@pytest.mark.parametrize("byte", [b"x", b"\xff", b"\x00", b"\x07", b"[", b'"'])
def test_a_long_one_is_cut_and_says_so(byte: bytes) -> None:
    value = byte * 2_000_000
    assert len(readable(value)) < 10_000
    assert readable(value).endswith(f"… {len(value):,} bytes in all; --raw writes them")


@pytest.mark.parametrize("arguments", [[], ["--all", "--reason", "x"], ["0:1", "--all"]])
def test_a_retry_has_to_say_of_what(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["dlq", "retry", *arguments])
    assert result.exit_code == 1
    assert "say which" in result.output


def test_an_id_that_is_none_is_refused_in_one_line() -> None:
    result = CliRunner().invoke(app, ["dlq", "show", "first"])
    assert result.exit_code == 1
    assert "write PARTITION:OFFSET" in result.output.replace("\n", " ")
