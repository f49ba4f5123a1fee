"""Whole numpy columns to and from Postgres arrays, in the binary format and without a Python object for each value.

``int64`` arrays travel as ``int8[]``. Arrays of ``datetime64[us]`` travel as ``timestamptz[]``; their smallest and
largest values stand for ``-infinity`` and ``infinity``, which is also how Postgres stores them. Only one-dimensional
arrays without NULLs are supported: queries replace NULL by infinity (``COALESCE``) and infinity by NULL (``NULLIF``).

The layout (``array_send``, ``array_recv``): dimensions, a NULL flag, the element type, then per dimension its length
and lower bound, then every element with its length before it, all big-endian.
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.pq import Format

from models.units import Ints

INT8, INT8_ARRAY = 20, 1016
TIMESTAMPTZ, TIMESTAMPTZ_ARRAY = 1184, 1185
_HEADER = struct.Struct(">iiIii")
_EMPTY = struct.Struct(">iiI")
_ELEMENT = np.dtype([("length", ">i4"), ("value", ">i8")])
# Postgres counts microseconds from 2000-01-01.
_POSTGRES_EPOCH = 946_684_800_000_000
_INFINITIES = (np.iinfo(np.int64).min, np.iinfo(np.int64).max)


def moments(micros: Ints) -> NDArray[np.datetime64]:
    """Microseconds since 1970 as numpy times, for use as a query parameter."""
    return micros.view("datetime64[us]")


def register(connection: AsyncConnection[Any]) -> None:
    """Let a connection send and receive numpy columns."""
    connection.adapters.register_dumper(np.ndarray, _Int8ArrayDumper)
    connection.adapters.register_loader(INT8_ARRAY, _Int8ArrayLoader)
    connection.adapters.register_loader(TIMESTAMPTZ_ARRAY, _TimestamptzArrayLoader)


def _packed(element_type: int, values: Ints) -> bytes:
    if not len(values):
        return _EMPTY.pack(0, 0, element_type)
    elements = np.empty(len(values), dtype=_ELEMENT)
    elements["length"] = 8
    elements["value"] = values
    return _HEADER.pack(1, 0, element_type, len(values), 1) + elements.tobytes()


def _unpacked(data: Buffer) -> Ints:
    if len(data) <= _EMPTY.size:
        return np.empty(0, dtype=np.int64)
    return np.frombuffer(data, dtype=_ELEMENT, offset=_HEADER.size)["value"].astype(np.int64)


def _shifted(micros: Ints, shift: int) -> Ints:
    infinite = (micros == _INFINITIES[0]) | (micros == _INFINITIES[1])
    return np.where(infinite, micros, micros + shift)


class _Int8ArrayDumper(Dumper):
    format = Format.BINARY
    oid = INT8_ARRAY

    def get_key(self, obj: Any, format: Any) -> Any:
        return (self.cls, obj.dtype.kind)

    def upgrade(self, obj: Any, format: Any) -> Dumper:
        return _TimestamptzArrayDumper(self.cls) if obj.dtype.kind == "M" else self

    def dump(self, obj: NDArray[Any]) -> bytes:
        return _packed(INT8, obj)


class _TimestamptzArrayDumper(Dumper):
    format = Format.BINARY
    oid = TIMESTAMPTZ_ARRAY

    def dump(self, obj: NDArray[Any]) -> bytes:
        return _packed(TIMESTAMPTZ, _shifted(obj.view(np.int64), -_POSTGRES_EPOCH))


class _Int8ArrayLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> Ints:
        return _unpacked(data)


class _TimestamptzArrayLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> Ints:
        return _shifted(_unpacked(data), _POSTGRES_EPOCH)
