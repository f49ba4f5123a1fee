"""All customers who have ordered, as arrays: one scan of the profiles, without an index."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ColumnElement, Connection, Float, cast, func, select

from data.postgres.tables import customers
from models.rhythm.histories import Histories
from models.rhythm.seasonal_clock import NEVER
from models.units import Floats, Ints

CHUNK = 20_000
Texts = NDArray[np.object_]


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

    customer_id: Texts
    country: Coded
    segment: Coded
    histories: Histories
    spent: Floats
    next_change_at: Ints
    next_segment: Coded


def everybody(connection: Connection) -> People:
    """All customers who have ordered."""
    c = customers.c
    query = (
        select(
            *(c.customer_id, c.country, c.segment, _micros(c.first_purchase_at), _micros(c.last_purchase_at)),
            *(c.frequency, cast(c.gross - c.returned, Float)),
            *(func.coalesce(_micros(c.next_change_at), NEVER), c.next_segment),
        )
        .where(c.frequency > 0, c.first_purchase_at.is_not(None))
        .order_by(c.customer_id)
    )
    columns: tuple[list[Any], ...] = tuple([] for _ in range(9))
    codes: tuple[dict[str | None, int], ...] = ({None: -1}, {None: -1})
    countries, segments = codes
    # Row by row, a million customers would take a gigabyte of objects.
    for rows in connection.execute(query, execution_options={"yield_per": CHUNK}).partitions():
        ids, country, segment, first, last, orders, spent, ahead, following = zip(*rows, strict=True)
        columns[0].append(np.array(ids, dtype=object))
        for column, texts, known in ((1, country, countries), (2, segment, segments), (8, following, segments)):
            # The codes begin with None, which is -1.
            columns[column].append(np.array([known.setdefault(text, len(known) - 1) for text in texts], dtype=np.int64))
        for column, numbers in ((3, first), (4, last), (5, orders), (7, ahead)):
            columns[column].append(np.array(numbers, dtype=np.int64))
        columns[6].append(np.array(spent, dtype=np.float64))
    whole = [np.concatenate(parts) if parts else np.array([], dtype=np.int64) for parts in columns]
    named, placed = (tuple(text for text in known if text is not None) for known in (segments, countries))
    return People(
        customer_id=whole[0].astype(object),
        country=Coded(whole[1], placed),
        segment=Coded(whole[2], named),
        histories=Histories(whole[3], whole[4], whole[5]),
        spent=whole[6].astype(np.float64),
        next_change_at=whole[7],
        next_segment=Coded(whole[8], named),
    )


def _micros(moment: ColumnElement[Any]) -> ColumnElement[int]:
    """A moment in microseconds since 1970, computed exactly by Postgres."""
    return cast(func.extract("epoch", moment) * 1_000_000, BigInteger)
