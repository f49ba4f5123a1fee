"""Customers as arrays: all who have ordered, or those who pass some conditions.

Postgres packs each column into one value. Row by row, a million customers would take half a minute and a gigabyte.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Self

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Float,
    Subquery,
    Text,
    and_,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, aggregate_order_by

from data.postgres.expressions import micros
from data.postgres.rfm import net_spend, recency_days
from data.postgres.tables import customers, segment_changes
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


class CustomerColumns(NamedTuple):
    """n customers in the order of their ids; ``spent`` is net, and ``next_change_at`` is ``NEVER`` without a change."""

    customer_id: Ids
    country: Coded
    segment: Coded
    histories: Histories
    spent: Floats
    next_change_at: Ints
    next_segment: Coded


class Stays(NamedTuple):
    """What a list says of n customers besides.

    Parameters
    ----------
    recency_days
        Whole days since the last order.
    since
        When the customer's segment began, in microseconds.
    previous
        The id of the segment before; empty for a customer who has been in one only.
    """

    recency_days: Ints
    since: Ints
    previous: Ids


class Texts(NamedTuple):
    """All different texts in the columns of few different texts, which are read once for many parts."""

    countries: tuple[str, ...]
    segments: tuple[str, ...]


class Part(NamedTuple):
    """Which of the customers that pass the conditions to read: the first ``limit`` whose ids are above ``after``."""

    limit: int
    after: str | None = None


def all_customers(connection: Connection) -> CustomerColumns:
    """All customers who have ordered."""
    return read(connection, [_c.frequency > 0, _c.first_purchase_at.is_not(None)], texts(connection))


def texts(connection: Connection, conditions: Sequence[ColumnElement[bool]] = (), part: Part | None = None) -> Texts:
    """The texts of all customers, or of those who pass all conditions and are in a part; three scans of these."""
    chosen = _chosen(conditions, part).c
    return Texts(_texts(connection, chosen.country), _texts(connection, chosen.segment, chosen.next_segment))


def read(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], known: Texts, part: Part | None = None
) -> CustomerColumns:
    """The customers who pass all conditions, which are about the table of customers.

    A customer without an order counts from the last transaction, with 0 orders.
    """
    return _columns_of(_values(connection, _packed_columns(_chosen(conditions, part), known)), known)


def read_with_stays(
    connection: Connection,
    conditions: Sequence[ColumnElement[bool]],
    known: Texts,
    event_time: datetime,
    part: Part | None = None,
) -> tuple[CustomerColumns, Stays]:
    """The same with what a list says besides; days count to event time or, if it is later, the last transaction."""
    return read_with_stays_in(connection, _chosen(conditions, part, event_time), known)


def read_with_stays_in(connection: Connection, chosen: Subquery, known: Texts) -> tuple[CustomerColumns, Stays]:
    """The same of a query's rows: columns of the table of customers, ``recency_days``, and ``previous`` segment."""
    before = _utf8(chosen.c.previous)
    numbers = (
        _packed(func.int8send(cast(number, BigInteger)), chosen)
        for number in (
            chosen.c.recency_days,
            func.coalesce(micros(chosen.c.segment_since), 0),
            func.octet_length(before),
        )
    )
    columns = [*_packed_columns(chosen, known), _packed(before, chosen), *numbers]
    *whole, previous, days, since, lengths = _values(connection, columns)
    stays = Stays(_ints(days), _ints(since), Ids(previous, np.cumsum(_ints(lengths))))
    return _columns_of(whole, known), stays


def _chosen(
    conditions: Sequence[ColumnElement[bool]], part: Part | None, event_time: datetime | None = None
) -> Subquery:
    columns: list[ColumnElement[Any]] = [*_c]
    if event_time is not None:
        # A join would read all changes for every part; this looks the last one up by the primary key.
        last = and_(segment_changes.c.customer_id == _c.customer_id, segment_changes.c.sequence == _c.sequence)
        previous = select(segment_changes.c.from_segment).where(last).scalar_subquery()
        columns += [recency_days(event_time).label("recency_days"), func.coalesce(previous, "").label("previous")]
    query = select(*columns).where(*conditions)
    if part is not None:
        query = query.order_by(_c.customer_id).limit(part.limit)
        if part.after is not None:
            query = query.where(_c.customer_id > part.after)
    return query.subquery("chosen")


def _packed_columns(chosen: Subquery, known: Texts) -> list[ColumnElement[bytes]]:
    c = chosen.c
    utf8 = _utf8(c.customer_id)
    first, last = (
        micros(func.coalesce(moment, c.last_event_at)) for moment in (c.first_purchase_at, c.last_purchase_at)
    )
    numbers = (
        *(func.octet_length(utf8), _code(c.country, known.countries), _code(c.segment, known.segments)),
        *(first, last, c.frequency),
        *(func.coalesce(micros(c.next_change_at), NEVER), _code(c.next_segment, known.segments)),
    )
    return [
        _packed(utf8, chosen),
        _packed(func.float8send(cast(net_spend(c), Float)), chosen),
        *(_packed(func.int8send(cast(number, BigInteger)), chosen) for number in numbers),
    ]


def _values(connection: Connection, columns: Sequence[ColumnElement[bytes]]) -> list[bytes]:
    # Without any customer each value is null.
    return [bytes(value or b"") for value in connection.execute(select(*columns)).one()]


def _columns_of(packed: Sequence[bytes], known: Texts) -> CustomerColumns:
    ids, spent, *whole = packed
    lengths, country, segment, first, last, orders, ahead, following = map(_ints, whole)
    return CustomerColumns(
        customer_id=Ids(ids, np.cumsum(lengths)),
        country=Coded(country, known.countries),
        segment=Coded(segment, known.segments),
        histories=Histories(first, last, orders),
        spent=np.frombuffer(spent, ">f8").astype(np.float64),
        next_change_at=ahead,
        next_segment=Coded(following, known.segments),
    )


def _ints(packed: bytes) -> Ints:
    return np.frombuffer(packed, ">i8").astype(np.int64)


def _texts(connection: Connection, *columns: ColumnElement[str]) -> tuple[str, ...]:
    """All different texts of some columns, by their bytes."""
    queries = (select(column).distinct() for column in columns)
    return tuple(sorted({text for query in queries for text in connection.scalars(query) if text is not None}))


def _code(column: ColumnElement[str], texts: tuple[str, ...]) -> ColumnElement[int]:
    """The place of a text among these, from 0; -1 for null."""
    return func.coalesce(func.array_position(literal([*texts], ARRAY(Text)), cast(column, Text)), 0) - 1


def _utf8(text: ColumnElement[str]) -> ColumnElement[bytes]:
    return func.convert_to(text, "UTF8")


def _packed(value: ColumnElement[Any], chosen: Subquery) -> ColumnElement[bytes]:
    """The binary values of all rows, one after the other, in the order of the ids."""
    return func.string_agg(value, aggregate_order_by(literal(b"", BYTEA), chosen.c.customer_id))
