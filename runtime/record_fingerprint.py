"""The fingerprint of a record, which shows whether a log still holds what was applied from it."""

import zlib
from typing import NamedTuple


class RecordFingerprint(NamedTuple):
    """A record's offset, its timestamp (milliseconds), and a checksum of its key and value."""

    offset: int
    timestamp: int
    checksum: int


def fingerprint(offset: int, timestamp: int, key: bytes | None, value: bytes | None) -> RecordFingerprint:
    """The fingerprint of a record.

    >>> fingerprint(7, 1_000, b"k", b"value") == fingerprint(7, 1_000, b"k", b"another")
    False
    """
    return RecordFingerprint(offset, timestamp, zlib.crc32(value or b"", zlib.crc32(key or b"")))
