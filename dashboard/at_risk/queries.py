"""All customers who have ordered, as arrays: one scan of the profiles, without an index.

Postgres packs each column into one value. Row by row, a million customers would take half a minute and a gigabyte.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import numpy as np
from sqlalchemy import BigInteger, Column, ColumnElement, Connection, Float, Text, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, aggregate_order_by

from data.postgres.tables import customers
from models.rhythm.histories import Histories
from models.rhythm.seasonal_clock import NEVER
from models.units import Floats, Ints

_c = customers.c


class Ids(NamedTuple):
    """n texts, one after the other in UTF-8, and where each ends; a text is only made when it is asked for."""

    utf8: bytes
    ends: Ints

    def of(self, row: int) -> str:
        """The text of a row."""
        begin = int(self.ends[row - 1]) if row else 0
        return self.utf8[begin : int(self.ends[row])].decode()

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Self:
        """The same of texts."""
        encoded = [text.encode() for text in texts]
        return cls(b"".join(encoded), np.cumsum([len(each) for each in encoded], dtype=np.int64))


class Coded(NamedTuple):
    """A column of few different texts: their numbers, shape (n,), and the texts; None has the number -1."""

    number: Ints
    texts: tuple[str, ...]

    def of(self, row: int) -> str | None:
        """The text of a row."""
        number = int(self.number[row])
        return None if number < 0 else self.texts[number]


class People(NamedTuple):
    """n customers in the order of their ids; ``spent`` is net, and ``next_change_at`` is ``NEVER`` without a change."""

    customer_id: Ids
    country: Coded
    segment: Coded
    histories: Histories
    spent: Floats
    next_change_at: Ints
    next_segment: Coded


def everybody(connection: Connection) -> People:
    """All customers who have ordered."""
    countries, segments = _texts(connection, _c.country), _texts(connection, _c.segment, _c.next_segment)
    utf8 = func.convert_to(_c.customer_id, "UTF8")
    numbers = (
        *(func.octet_length(utf8), _code(_c.country, countries), _code(_c.segment, segments)),
        *(_micros(_c.first_purchase_at), _micros(_c.last_purchase_at), _c.frequency),
        *(func.coalesce(_micros(_c.next_change_at), NEVER), _code(_c.next_segment, segments)),
    )
    packed = (
        _packed(utf8),
        _packed(func.float8send(cast(_c.gross - _c.returned, Float))),
        *(_packed(func.int8send(cast(number, BigInteger))) for number in numbers),
    )
    query = select(*packed).where(_c.frequency > 0, _c.first_purchase_at.is_not(None))
    # Without any customer each value is null.
    ids, spent, *whole = (bytes(value or b"") for value in connection.execute(query).one())
    columns = (np.frombuffer(value, ">i8").astype(np.int64) for value in whole)
    lengths, country, segment, first, last, orders, ahead, following = columns
    return People(
        customer_id=Ids(ids, np.cumsum(lengths)),
        country=Coded(country, countries),
        segment=Coded(segment, segments),
        histories=Histories(first, last, orders),
        spent=np.frombuffer(spent, ">f8").astype(np.float64),
        next_change_at=ahead,
        next_segment=Coded(following, segments),
    )


def _texts(connection: Connection, *columns: Column[str]) -> tuple[str, ...]:
    """All different texts of some columns, by their bytes."""
    found = {text for column in columns for text in connection.scalars(select(column).distinct()) if text is not None}
    return tuple(sorted(found))


def _code(column: Column[str], texts: tuple[str, ...]) -> ColumnElement[int]:
    """The place of a text among these, from 0; -1 for null."""
    return func.coalesce(func.array_position(literal([*texts], ARRAY(Text)), cast(column, Text)), 0) - 1


def _packed(value: ColumnElement[Any]) -> ColumnElement[bytes]:
    """The binary values of all rows, one after the other, in the order of the ids."""
    return func.string_agg(value, aggregate_order_by(literal(b"", BYTEA), _c.customer_id))


def _micros(moment: ColumnElement[Any]) -> ColumnElement[int]:
    """A moment in microseconds since 1970, computed exactly by Postgres."""
    return cast(func.extract("epoch", moment) * 1_000_000, BigInteger)
