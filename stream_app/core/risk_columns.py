"""Risk states in columns: what is stored of each customer, and changes as parallel arrays.

A risk state is its number in :data:`models.rhythm.risk.RISK_STATES`, or ``NO_STATE``. Times are microseconds.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.decay import NEVER
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.risk import NO_STATE
from models.units import Ints
from stream_app.core.columns import LONG_AGO, Columns, CustomerChanges


class RiskCause(IntEnum):
    """Why a customer's risk state changed."""

    FIRST_PURCHASE = 0
    PURCHASE = 1
    SILENCE = 2
    MODEL = 3
    REVISION = 4

    @property
    def word(self) -> str:
        """The cause in lower case, as it is stored and published."""
        return self.name.lower()


class ActiveRhythm(NamedTuple):
    """The rhythm model that a partition's active model carries; None if it carries none, but a former one did."""

    model: RhythmModel | None

    @property
    def version(self) -> str | None:
        """The version of the rhythm model, if there is one."""
        return None if self.model is None else self.model.version


@dataclass(frozen=True, slots=True)
class Risks(Columns):
    """The risk rows of n customers, in the order of their profiles.

    ``sequence`` is 0 for a customer without a row. ``next_at`` is the moment at which the next state begins, unless an
    order comes first. ``current`` says whose row is decided by the active rhythm model.
    """

    state: Ints
    since: Ints
    sequence: Ints
    next_at: Ints
    current: NDArray[np.bool_]

    @classmethod
    def none(cls, count: int) -> Self:
        """Customers without rows."""

        def column(value: int) -> Ints:
            return np.full(count, value, dtype=np.int64)

        return cls(column(NO_STATE), column(LONG_AGO), column(0), column(NEVER), np.zeros(count, dtype=bool))


@dataclass(frozen=True, slots=True)
class RiskChanges(CustomerChanges):
    """n risk changes.

    ``record`` is the row of the record that caused the change, or ``NO_RECORD``. ``next_state`` and ``next_at`` are
    what silence alone leads to after the change.
    """

    sequence: Ints
    from_state: Ints
    to_state: Ints
    cause: Ints
    effective_at: Ints
    frequency: Ints
    last_purchase_at: Ints
    next_state: Ints
    next_at: Ints
    record: Ints


@dataclass(frozen=True, slots=True)
class RiskOutcome:
    """The risk rows after some records, and the changes that led there."""

    rows: Risks
    changes: RiskChanges


@dataclass(frozen=True, slots=True)
class StoredRisk:
    """The rhythm model of a partition, and the risk rows of the profiles that a micro-batch needs."""

    rhythm: ActiveRhythm
    rows: Risks


@dataclass(frozen=True, slots=True)
class AppliedRisk:
    """What a micro-batch does to risk states: the rows to be stored, in the order of ids, and all changes.

    ``changes.customer`` indexes ``customer_id``, and ``changes.record`` the applied rows of the batch.
    """

    rhythm: ActiveRhythm
    customer_id: list[str]
    rows: Risks
    changes: RiskChanges
