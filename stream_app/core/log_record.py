"""What the worker needs of a record of the log."""

from collections.abc import Sequence
from typing import Protocol


class LogRecord(Protocol):
    """A record as the Kafka client returns it."""

    @property
    def offset(self) -> int:
        """The offset in its partition."""

    @property
    def key(self) -> bytes | None:
        """The key, if the record has one."""

    @property
    def value(self) -> bytes | None:
        """The value, if the record has one."""

    @property
    def timestamp(self) -> int | None:
        """When the record was written, in milliseconds since 1970; None or negative if it has no timestamp."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """The headers."""
