"""Any bytes of a dead letter can be shown as safe text."""

import json

import pytest

from runtime.readable import LONGEST, from_visible, one_line, readable, visible


def test_json_is_indented() -> None:
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
def test_text_is_unchanged_except_for_control_characters(value: bytes | None, shown: str) -> None:
    assert readable(value) == shown


def test_bytes_are_shown_as_hexadecimal() -> None:
    assert readable(b"\xff\x00segue" + b"\x01" * 10) == (
        "00000000  ff 00 73 65 67 75 65 01 01 01 01 01 01 01 01 01  ..segue.........\n"
        "00000010  01                                               ."
    )


@pytest.mark.parametrize("byte", [b"x", b"\xff", b"\x00", b"\x07", b"[", b'"'])
def test_long_text_is_cut_with_a_note(byte: bytes) -> None:
    value = byte * 2_000_000
    assert len(readable(value)) < 10_000
    assert readable(value).endswith(f"… {len(value):,} bytes in all")


def test_a_cut_value_names_its_full_size() -> None:
    assert readable(b"x" * (LONGEST + 1), size=2_000_000).endswith("… 2,000,000 bytes in all")
    assert readable(b"short", size=5) == "short"


@pytest.mark.parametrize(
    ("key", "shown"), [(None, "(none)"), (b"1234", "1234"), (b"a\nb", "a\\nb"), (b"x" * 65, "x" * 64 + "…")]
)
def test_a_key_is_one_short_line(key: bytes | None, shown: str) -> None:
    assert one_line(key) == shown


@pytest.mark.parametrize(
    "code", [0x00, 0x07, 0x1B, 0x7F, 0x85, 0xAD, 0x200B, 0x200F, 0x2028, 0x202E, 0x2066, 0x3164, 0xE0041]
)
def test_a_hidden_character_is_shown_as_an_escape_that_reads_back(code: int) -> None:
    text = f"4{chr(code)}2"
    shown = visible(text)
    assert shown.isascii()
    assert shown.isprintable()
    assert from_visible(shown) == text


def test_visible_characters_stay_as_they_are() -> None:
    text = "Ä 😀 日本 \\ — '\""
    assert visible(text) == text
    assert from_visible("\\u12 \\q \\U00ffffff") == "\\u12 \\q \\U00ffffff"
