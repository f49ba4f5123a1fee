"""Shows untrusted bytes as text that is safe on a terminal."""

import msgspec

LONGEST = 8_192
_KEY_LENGTH = 64
_HEX_WIDTH = 16


def readable(value: bytes | None, size: int | None = None) -> str:
    """Return bytes as text: JSON is indented, other text unchanged, anything else hexadecimal; long text is cut.

    ``size`` is the full number of bytes, if ``value`` is only their beginning.
    """
    if value is None:
        return "(no value)"
    text = _as_text(value)
    shown = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text[: LONGEST + 1])
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
