"""Shows untrusted text and bytes so that nothing in them is invisible, or changes how the text around it is shown."""

import re
import unicodedata

import msgspec

LONGEST = 8_192
_KEY_LENGTH = 64
_HEX_WIDTH = 16
# Control, format (bidirectional and zero-width) and surrogate characters, line and paragraph separators.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Letters and marks without a shape.
_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([tnr]))")
_SHORT = {"t": "\t", "n": "\n", "r": "\r"}


def visible(text: str, keep: str = "") -> str:
    """Return a text with escapes such as ``\\u202e`` in place of control, bidirectional and invisible characters.

    ``keep`` are characters that stay as they are, such as a line break.

    >>> visible("42\\u202e\\x00 Ä"), visible("a\\nb", keep="\\n") == "a\\nb"
    ('42\\\\u202e\\\\x00 Ä', True)
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or not _is_hidden(c) else c.encode("unicode_escape").decode() for c in text)


def from_visible(text: str) -> str:
    """Return the text that :func:`visible` shows as ``text``; an escape that is not a character stays as it is."""
    return _ESCAPED.sub(_character, text)


def _character(escaped: re.Match[str]) -> str:
    short, code = escaped[4], escaped[1] or escaped[2] or escaped[3]
    if short:
        return _SHORT[short]
    return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else escaped[0]


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN_CATEGORIES or character in _HIDDEN


def readable(value: bytes | None, size: int | None = None) -> str:
    """Return bytes as text: JSON is indented, other text unchanged, anything else hexadecimal; long text is cut.

    ``size`` is the full number of bytes, if ``value`` is only their beginning.
    """
    if value is None:
        return "(no value)"
    text = _as_text(value)
    shown = visible(text[: LONGEST + 1], keep="\n")
    if len(shown) <= LONGEST:
        return shown
    return f"{shown[:LONGEST]}\n… {size or len(value):,} bytes in all"


def _as_text(value: bytes) -> str:
    try:
        return msgspec.json.format(value, indent=2).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        # A null byte means binary data.
        return _hexadecimal(value[:LONGEST]) if b"\0" in value else value.decode()
    except UnicodeDecodeError:
        return _hexadecimal(value[:LONGEST])


def _hexadecimal(value: bytes) -> str:
    return "\n".join(
        f"{start:08x}  {value[start : start + _HEX_WIDTH].hex(' '):<{3 * _HEX_WIDTH}} "
        + "".join(chr(byte) if 32 <= byte < 127 else "." for byte in value[start : start + _HEX_WIDTH])
        for start in range(0, len(value), _HEX_WIDTH)
    )


def one_line(key: bytes | None) -> str:
    """Return a key as one short line of printable characters."""
    if key is None:
        return "(none)"
    text = key[:_KEY_LENGTH].decode(errors="backslashreplace").encode("unicode_escape").decode()
    return text if len(key) <= _KEY_LENGTH else f"{text}…"
