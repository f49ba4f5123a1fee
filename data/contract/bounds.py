"""Bounds that files and the worker share: what a file may hold is what the worker accepts."""

from datetime import UTC, datetime

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
MAX_ID_LENGTH = 64
MAX_MONEY = 10**9
#: The greatest integer that JavaScript represents exactly, so that a revision may be a moment in microseconds.
MOST_REVISION = 2**53 - 1
