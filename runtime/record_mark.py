"""A mark by which a record of the log is known again: whether a log still holds what was applied from it."""

import zlib
from typing import NamedTuple


class RecordMark(NamedTuple):
    """A record's offset, its timestamp (milliseconds), and a checksum of its key and value."""

    offset: int
    timestamp: int
    checksum: int


def mark(offset: int, timestamp: int, key: bytes | None, value: bytes | None) -> RecordMark:
    """The mark of a record.

    >>> mark(7, 1_000, b"k", b"value") == mark(7, 1_000, b"k", b"another")
    False
    """
    return RecordMark(offset, timestamp, zlib.crc32(value or b"", zlib.crc32(key or b"")))
