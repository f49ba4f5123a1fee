"""The risk states of a backfill: their whole history under the model's rhythm model, beside the published one."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from data.postgres.kept_history import whole_since
from data.postgres.tables import risk_changes
from data.postgres.whole_histories import HistoryPart
from models.calendar import CalendarPeriod
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.risk import NO_STATE, RISK_STATES
from models.units import Ints
from services.backfill.comparison import (
    OF_RISK,
    Causes,
    ChangeHistory,
    ComparedPeriods,
    HistoryComparison,
    PeriodComparison,
)
from stream_app.core.risk_columns import RiskCause, RiskChanges
from stream_app.core.whole_history import Orders
from stream_app.core.whole_risk_history import whole_risk_history

_CAUSES = {cause.word: cause.value for cause in RiskCause}
_STATES = {state: number for number, state in enumerate(RISK_STATES)}

#: Called with the risk changes of each part: its customers, its orders' ids by row, and the changes.
WriteRisk = Callable[[list[str], "pd.Series[str]", RiskChanges], None]


@dataclass(frozen=True)
class RiskBackfill(ComparedPeriods):
    """What became of the risk states of all customers.

    Parameters
    ----------
    rhythm_version
        The rhythm model whose history it is.
    since
        From when on the published risk changes are whole; None if none was pruned.
    changes, published
        All risk changes under the rhythm model, and all that are stored of the published ones.
    published_by
        The published risk changes by the version of the rhythm model that decided them; "" is none.
    differing
        Customers of whom not all risk changes in the compared periods are in both histories.
    periods
        The compared periods, in order; without one if too little of the published history is kept.
    """

    causes: ClassVar[Causes] = OF_RISK
    rhythm_version: str
    since: datetime | None
    changes: int
    published: int
    published_by: dict[str, int]
    differing: int
    periods: list[PeriodComparison]


class RiskSide:
    """Computes the risk changes of one part after the other, and compares them with the published ones.

    Parameters
    ----------
    periods
        Those from the first order on; they are compared as far as the published risk changes are whole.
    write
        Called with the changes of each part.
    """

    def __init__(
        self, connection: Connection, rhythm: RhythmModel, periods: Sequence[CalendarPeriod], write: WriteRisk | None
    ) -> None:
        self._rhythm = rhythm
        self._write = write
        self._since = since = whole_since(connection, risk_changes)
        self._comparison = HistoryComparison(
            [each for each in periods if since is None or each.since >= since], OF_RISK
        )
        self._by: Counter[str] = Counter()
        self._changes = 0

    def add(self, part: HistoryPart, orders: Orders, until: int) -> None:
        """Compute and compare the risk changes of a part that are effective by a moment, in microseconds."""
        assert part.published_risk is not None  # noqa: S101 - the caller has asked for them
        found = whole_risk_history(self._rhythm, part.customer_id, orders, until)
        if self._write is not None:
            self._write(part.customer_id, part.orders["transaction_id"], found)
        self._comparison.add(len(part.customer_id), _of_model(found), _published(part.published_risk))
        self._by.update(part.published_risk["rhythm_version"].astype("str").tolist())
        self._changes += len(found)

    def result(self) -> RiskBackfill:
        """What has been found so far."""
        return RiskBackfill(
            self._rhythm.version,
            self._since,
            self._changes,
            self._by.total(),
            dict(self._by),
            self._comparison.differing,
            self._comparison.results(RISK_STATES),
        )


def _of_model(changes: RiskChanges) -> ChangeHistory:
    columns = (changes.customer, changes.effective_at, changes.cause, changes.from_state, changes.to_state)
    return ChangeHistory(*columns, *_no_ranks(len(changes)))


def _published(rows: pd.DataFrame) -> ChangeHistory:
    return ChangeHistory(
        rows["customer"].to_numpy(dtype=np.int64),
        rows["effective_at"].to_numpy(dtype=np.int64),
        np.asarray(rows["cause"].astype("str").map(_CAUSES), dtype=np.int64),
        _numbers(rows["from_state"]),
        _numbers(rows["to_state"]),
        *_no_ranks(len(rows)),
    )


def _numbers(states: "pd.Series[str]") -> Ints:
    return np.asarray(states.astype("str").map(_STATES).fillna(NO_STATE), dtype=np.int64)


def _no_ranks(count: int) -> tuple[Ints, Ints]:
    return np.full(count, -1), np.full(count, -1)
