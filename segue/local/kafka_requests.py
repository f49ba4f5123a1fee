"""Requests of the Kafka protocol, as far as a proxy must understand them."""

import socket
import struct
from typing import NamedTuple, Self

PRODUCE, ADD_PARTITIONS, END = 0, 24, 26
OF_TRANSACTIONS = {PRODUCE, ADD_PARTITIONS, END}
# From these versions on, strings have a variable-length prefix, and headers have tagged fields.
_FIRST_FLEXIBLE = {PRODUCE: 9, ADD_PARTITIONS: 3, END: 3}
_FIRST_TRANSACTIONAL_PRODUCE = 3
_CLIENT_ID = 8


class KafkaRequest(NamedTuple):
    """A request of the Kafka protocol, as the bytes that follow its length."""

    key: int
    version: int
    correlation: int
    content: bytes

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read the fixed part of the header."""
        key, version, correlation = struct.unpack_from(">hhi", content)
        return cls(key, version, correlation, content)

    @property
    def is_flexible(self) -> bool:
        """Whether a transaction's request has the encoding with tagged fields."""
        return self.version >= _FIRST_FLEXIBLE[self.key]

    @property
    def transactional_id(self) -> bytes | None:
        """The transactional id of a Produce, AddPartitionsToTxn or EndTxn request; None if it has none.

        It is the first field of the body. Headers with tagged fields are not supported: no client sends any.
        """
        if self.key == PRODUCE and self.version < _FIRST_TRANSACTIONAL_PRODUCE:
            return None
        (length,) = struct.unpack_from(">h", self.content, _CLIENT_ID)
        place = _CLIENT_ID + 2 + max(length, 0)
        if self.is_flexible:
            # One byte says that there are no tagged fields. Lengths are one more than they are, and 0 means null.
            length, place = _variable(self.content, place + 1)
            length -= 1
        else:
            (length,) = struct.unpack_from(">h", self.content, place)
            place += 2
        return self.content[place : place + length] if length >= 0 else None

    def error_of_end(self, answer: bytes) -> int:
        """Return the error code in the answer to this EndTxn request; 0 for success."""
        # The code is behind the correlation id, the tagged fields of flexible versions, and the throttle time.
        (error,) = struct.unpack_from(">h", answer, 8 + self.is_flexible)
        return int(error)


def framed(content: bytes) -> bytes:
    """Return a request or an answer with its length in front."""
    return struct.pack(">i", len(content)) + content


def read_frame(source: socket.socket) -> bytes:
    """Read a request or an answer, without its length.

    Raises
    ------
    EOFError
        If the other side has closed the connection.
    """
    (length,) = struct.unpack(">i", _exactly(source, 4))
    return _exactly(source, length)


def _exactly(source: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = source.recv(length)
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _variable(content: bytes, place: int) -> tuple[int, int]:
    """Return an unsigned integer of variable length, and the place behind it."""
    value = shift = 0
    while True:
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
