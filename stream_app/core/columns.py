"""The processor's data, column by column: profiles, records and changes as parallel arrays.

Times are microseconds since the epoch, money is in ten-thousandths (:mod:`models.units`). A segment is a number:
the model's own numbering first, then whatever older models left behind (:class:`SegmentNames`).
"""

from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any, Self

import numpy as np

from models.decay import NEVER
from models.segment_model import NO_SEGMENT, SegmentModel
from models.units import Ints

LONG_AGO = np.iinfo(np.int64).min
NO_RECORD = -1


class Cause(IntEnum):
    """Why a customer moved."""

    FIRST_PURCHASE = 0
    PURCHASE = 1
    RETURN = 2
    DECAY = 3
    MODEL = 4

    @property
    def word(self) -> str:
        """The cause as it is stored and published."""
        return self.name.lower()


class SegmentNames:
    """Segment ids by number; those of the model come first and keep the model's numbers."""

    def __init__(self, model: SegmentModel) -> None:
        self._ids = [segment.id for segment in model.segments]
        self._numbers = dict(model.index)

    def number(self, segment_id: str | None) -> int:
        """The number of a segment id; an unknown id gets the next free number."""
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
class Profiles:
    """n customers. ``first_purchase_at`` is ``NEVER`` and ``last_purchase_at`` ``LONG_AGO`` without a purchase."""

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

    def __len__(self) -> int:
        return len(self.customer_id)

    @classmethod
    def newcomers(cls, customer_id: list[str]) -> Self:
        """Customers of whom nothing is known yet."""

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

    def joined(self, other: "Profiles") -> "Profiles":
        """These customers, then the others."""
        return self._with({name: _joined(getattr(self, name), getattr(other, name)) for name in PROFILE_COLUMNS})

    def taken(self, rows: Ints) -> "Profiles":
        """The customers of some rows, in that order."""
        return self._with({name: _taken(getattr(self, name), rows) for name in PROFILE_COLUMNS})

    def _with(self, columns: dict[str, Any]) -> "Profiles":
        return Profiles(**columns)


PROFILE_COLUMNS = [column.name for column in fields(Profiles)]


@dataclass(frozen=True, slots=True)
class Records:
    """n transactions in log order; ``customer`` is a row of the profiles they belong to.

    ``tick`` is the newest tick before each record on its partition, ``LONG_AGO`` where there was none.
    """

    customer: Ints
    occurred_at: Ints
    is_sale: Ints
    amount: Ints
    tick: Ints

    @classmethod
    def none(cls) -> Self:
        """No transactions."""
        return cls(*(np.empty(0, dtype=np.int64) for _ in fields(cls)))


@dataclass(frozen=True, slots=True)
class Changes:
    """n segment changes, customer by customer, each customer's in order.

    ``customer`` is a row of the profiles, ``record`` the causing row of the records or ``NO_RECORD``.
    """

    customer: Ints
    sequence: Ints
    from_segment: Ints
    to_segment: Ints
    cause: Ints
    effective_at: Ints
    recency_days: Ints
    frequency: Ints
    monetary: Ints
    record: Ints

    def __len__(self) -> int:
        return len(self.customer)

    @classmethod
    def none(cls) -> Self:
        """No changes."""
        return cls(*(np.empty(0, dtype=np.int64) for _ in fields(cls)))

    def joined(self, later: "Changes") -> "Changes":
        """These changes, then the later ones, customer by customer."""
        columns = [np.concatenate([getattr(self, column.name), getattr(later, column.name)]) for column in fields(self)]
        order = np.argsort(columns[0], kind="stable")
        return Changes(*(column[order] for column in columns))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step: the profiles after it, the changes, and how many records came late."""

    profiles: Profiles
    changes: Changes
    late: int = field(default=0)


def _joined(ours: list[str] | Ints, theirs: list[str] | Ints) -> list[str] | Ints:
    if isinstance(ours, list):
        return [*ours, *theirs]
    return np.concatenate([ours, theirs])


def _taken(column: list[str] | Ints, rows: Ints) -> list[str] | Ints:
    if isinstance(column, list):
        return [column[row] for row in rows.tolist()]
    return np.asarray(column[rows])
