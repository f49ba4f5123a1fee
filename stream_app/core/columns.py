"""The core's data in columns: profiles, records and changes as parallel arrays.

Times are microseconds since 1970, money is in ten-thousandths (:mod:`models.units`). A segment is a number: the active
model's segments come first, then the segments of older models that customers are still in (:class:`SegmentNames`).
"""

from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Self

import numpy as np

from models.decay import NEVER
from models.segment_model import NO_SEGMENT, SegmentModel
from models.units import Ints

LONG_AGO = np.iinfo(np.int64).min
NO_RECORD = -1


class Cause(IntEnum):
    """Why a customer's segment changed."""

    FIRST_PURCHASE = 0
    PURCHASE = 1
    RETURN = 2
    DECAY = 3
    MODEL = 4
    FIRST_MODEL = 5
    REVISION = 6
    EXPIRY = 7

    @property
    def word(self) -> str:
        """The cause in lower case, as it is stored and published."""
        return self.name.lower()


class SegmentNames:
    """Segment ids by number; the segments of the model, if there is one, have the numbers that the model gives them."""

    def __init__(self, model: SegmentModel | None) -> None:
        self._ids = [] if model is None else [segment.id for segment in model.segments]
        self._numbers = {} if model is None else dict(model.index)

    def number(self, segment_id: str | None) -> int:
        """The number of a segment id; a new id gets the next free number."""
        if segment_id is None:
            return NO_SEGMENT
        number = self._numbers.setdefault(segment_id, len(self._ids))
        if number == len(self._ids):
            self._ids.append(segment_id)
        return number

    def id(self, number: int) -> str | None:
        """The segment id of a number; None for :data:`NO_SEGMENT`."""
        return None if number == NO_SEGMENT else self._ids[number]


@dataclass(frozen=True, slots=True)
class Columns:
    """Parallel columns, each with one entry for each of n rows: arrays, or lists of texts."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    @classmethod
    def empty(cls) -> Self:
        """No rows, of arrays alone."""
        return cls(*(np.empty(0, dtype=np.int64) for _ in fields(cls)))

    def concat(self, other: Self) -> Self:
        """These rows, then the others."""
        names = [column.name for column in fields(self)]
        return type(self)(*(_concat(getattr(self, name), getattr(other, name)) for name in names))

    def select(self, rows: Ints) -> Self:
        """Some rows, in the order of ``rows``."""
        return type(self)(*(_select(getattr(self, column.name), rows) for column in fields(self)))


@dataclass(frozen=True, slots=True)
class CustomerChanges(Columns):
    """n changes, grouped by customer, each customer's in order of time; ``customer`` is the row of the customer."""

    customer: Ints

    def at(self, place: Ints) -> Self:
        """The same changes for customers that have moved: ``place`` has the new row of each."""
        return replace(self, customer=place[self.customer])

    def merge(self, later: Self) -> Self:
        """For each customer, these changes and then the later ones."""
        both = self.concat(later)
        return both.select(np.argsort(both.customer, kind="stable"))


@dataclass(frozen=True, slots=True)
class Profiles(Columns):
    """The profiles of n customers.

    Without a purchase ``first_purchase_at`` is ``NEVER`` and ``last_purchase_at`` is ``LONG_AGO``. ``last_event_at`` is
    the latest moment of all the customer's records, replaced ones included: a revision never takes time back.
    """

    customer_id: list[str]
    country: list[str]
    first_purchase_at: Ints
    last_purchase_at: Ints
    last_event_at: Ints
    frequency: Ints
    gross: Ints
    returned: Ints
    segment: Ints
    segment_since: Ints
    sequence: Ints
    next_change_at: Ints
    next_segment: Ints

    @classmethod
    def new(cls, customer_id: list[str]) -> Self:
        """Customers without any transaction."""

        def column(value: int) -> Ints:
            return np.full(len(customer_id), value, dtype=np.int64)

        return cls(
            customer_id=customer_id,
            country=[""] * len(customer_id),
            first_purchase_at=column(NEVER),
            last_purchase_at=column(LONG_AGO),
            last_event_at=column(LONG_AGO),
            frequency=column(0),
            gross=column(0),
            returned=column(0),
            segment=column(NO_SEGMENT),
            segment_since=column(NEVER),
            sequence=column(0),
            next_change_at=column(NEVER),
            next_segment=column(NO_SEGMENT),
        )


PROFILE_COLUMNS = [column.name for column in fields(Profiles)]


@dataclass(frozen=True, slots=True)
class Records(Columns):
    """n transactions in the order of the log.

    ``customer`` is the row of the customer's profile. ``purchases``, ``gross`` and ``returned`` are what the record
    adds to the totals. ``first_purchase_at`` and ``last_purchase_at`` are the moment of a purchase; of a revision
    (``revises`` is 1) those of all purchases that the customer has after it. ``cause`` is that of a change that the
    record causes. ``watermark`` is the partition's watermark just before the record, ``LONG_AGO`` before the first
    tick.
    """

    customer: Ints
    occurred_at: Ints
    purchases: Ints
    gross: Ints
    returned: Ints
    first_purchase_at: Ints
    last_purchase_at: Ints
    cause: Ints
    revises: Ints
    watermark: Ints

    @classmethod
    def of(cls, customer: Ints, occurred_at: Ints, amount: Ints, cause: Ints, watermark: Ints) -> Self:
        """Transactions that revise nothing; one that is neither a sale nor a return counts nothing."""
        sale, back = cause == Cause.PURCHASE.value, cause == Cause.RETURN.value
        return cls(
            customer=customer,
            occurred_at=occurred_at,
            purchases=sale.astype(np.int64),
            gross=np.where(sale, amount, 0),
            returned=np.where(back, amount, 0),
            first_purchase_at=np.where(sale, occurred_at, NEVER),
            last_purchase_at=np.where(sale, occurred_at, LONG_AGO),
            cause=cause,
            revises=np.zeros(len(customer), dtype=np.int64),
            watermark=watermark,
        )


@dataclass(frozen=True, slots=True)
class SegmentChanges(CustomerChanges):
    """n segment changes.

    ``record`` is the row of the record that caused the change, or ``NO_RECORD``.
    """

    sequence: Ints
    from_segment: Ints
    to_segment: Ints
    cause: Ints
    effective_at: Ints
    recency_days: Ints
    frequency: Ints
    monetary: Ints
    gross: Ints
    returned: Ints
    record: Ints


@dataclass(frozen=True, slots=True)
class TransitionOutcome:
    """The profiles after some records, the changes that led there, and the number of late records."""

    profiles: Profiles
    changes: SegmentChanges
    late: int = field(default=0)


def _concat(first: list[str] | Ints, second: list[str] | Ints) -> list[str] | Ints:
    if isinstance(first, list):
        return [*first, *second]
    return np.concatenate([first, second])


def _select(column: list[str] | Ints, rows: Ints) -> list[str] | Ints:
    if isinstance(column, list):
        return [column[row] for row in rows.tolist()]
    return np.asarray(column[rows])
