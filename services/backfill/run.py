"""Compute a model's whole history from the ledger, and compare it with the published one, some customers at a time.

Postgres is only read, at one moment.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select

from data.postgres.ledger import first_moment
from data.postgres.past_moments import Answerable, PastError, answerable, require_rescored, require_risk_rescored
from data.postgres.tables import segment_changes
from data.postgres.whole_histories import MOST_CUSTOMERS, HistoryPart, customer_count, history_parts
from models.calendar import CalendarPeriod, Grain, periods
from models.rhythm.carried import rhythm_of
from models.segment_model import NO_SEGMENT, SegmentModel
from models.units import Ints, to_micros
from services.backfill.comparison import ChangeHistory, ComparedPeriods, HistoryComparison, PeriodComparison
from services.backfill.risk_run import RiskBackfill, RiskSide, WriteRisk
from stream_app.core.columns import Cause, SegmentChanges
from stream_app.core.whole_history import Orders, whole_history

_CAUSES = {cause.word: cause.value for cause in Cause}

#: Called with the changes of each part: its customers, its orders' ids by row, and the changes.
Write = Callable[[list[str], "pd.Series[str]", SegmentChanges], None]
#: Called with the number of customers so far, and of all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Backfill(ComparedPeriods):
    """What became of all customers.

    Parameters
    ----------
    model
        The model whose history it is.
    known
        Until when, and what is missing in the past.
    customers
        Customers whose history was computed; those without a sale have none.
    changes, published
        All changes of the model, and all that are stored of the published ones.
    published_by
        The published changes by the version of the model that decided them.
    revised
        How many of the customers have an order that was revised.
    differing
        Customers of whom not all changes in the compared periods are in both histories.
    periods
        The compared periods, in order; without one if too little of the published history is kept.
    risk
        What became of the risk states; None if the model carries no rhythm model.
    """

    model: SegmentModel
    known: Answerable
    customers: int
    changes: int
    published: int
    published_by: dict[str, int]
    revised: int
    differing: int
    periods: list[PeriodComparison]
    risk: RiskBackfill | None = None


def backfill(
    connection: Connection,
    model: SegmentModel,
    models: Mapping[str, SegmentModel],
    grain: Grain,
    write: Write,
    progress: Progress,
    most_customers: int = MOST_CUSTOMERS,
    write_risk: WriteRisk | None = None,
) -> Backfill:
    """Compute and compare; nothing is written to Postgres.

    Parameters
    ----------
    connection
        One that sees one moment, however many parts are read over it.
    models
        By version: all registered models.
    most_customers
        The most customers of a part.
    write_risk
        Called with the risk changes of each part, if the model carries a rhythm model.

    Raises
    ------
    PastError
        If the stream has no event time or no customer yet, or customers or their risk states wait to be rescored.
    """
    known = answerable(connection)
    require_rescored(connection, known.watermark)
    total = customer_count(connection)
    if not total:
        raise PastError("the stream knows no customer yet")
    numbers = SegmentNumbers(model)
    all_periods = _periods(connection, known, grain)
    comparison = HistoryComparison(
        [period for period in all_periods if known.since is None or period.since >= known.since]
    )
    rhythm = rhythm_of(model)
    if rhythm is not None:
        require_risk_rescored(connection, known.watermark, _rhythms(model, *models.values()))
    risk = None if rhythm is None else RiskSide(connection, rhythm, all_periods, write_risk)
    by: Counter[str] = Counter()
    done = changed = stored = revised = 0
    progress(0, total)
    until = to_micros(known.watermark)
    for part in history_parts(connection, known.watermark, most_customers, with_risk=risk is not None):
        orders = _orders(part)
        found = whole_history(model, part.customer_id, orders, until)
        write(part.customer_id, part.orders["transaction_id"], found)
        comparison.add(len(part.customer_id), _of_model(found), _published(part.published, models, numbers))
        by.update(part.published["model_version"].astype("str").tolist())
        done, revised = done + len(part.customer_id), revised + part.revised
        changed, stored = changed + len(found), stored + len(part.published)
        if risk is not None:
            risk.add(part, orders, until)
        progress(done, total)
    return Backfill(
        model,
        known,
        done,
        changed,
        stored,
        dict(by),
        revised,
        comparison.differing,
        comparison.results(numbers.ids),
        None if risk is None else risk.result(),
    )


class SegmentNumbers:
    """Segment ids by number: first those of the model, in its order, then the others."""

    def __init__(self, model: SegmentModel) -> None:
        self.ids = [segment.id for segment in model.segments]

    def of(self, texts: "pd.Series[str]") -> Ints:
        """The number of each id; -1 for an empty one."""
        codes, distinct = pd.factorize(texts)
        for text in distinct:
            if text and text not in self.ids:
                self.ids.append(text)
        number = [self.ids.index(text) if text else NO_SEGMENT for text in distinct]
        return np.array(number, dtype=np.int64)[codes]


def _rhythms(*models: SegmentModel) -> dict[str, str]:
    """The version of the rhythm model that each of some models carries, by version; without those that carry none."""
    carried = {model.version: rhythm_of(model) for model in models}
    return {version: rhythm.version for version, rhythm in carried.items() if rhythm is not None}


def _periods(connection: Connection, known: Answerable, grain: Grain) -> Sequence[CalendarPeriod]:
    """The periods from the first order or published change on."""
    first = _first(connection, known)
    return [] if first is None else periods(grain, first, known.watermark)


def _first(connection: Connection, known: Answerable) -> datetime | None:
    """The moment of the first order or published change up to the event time."""
    changed = connection.execute(select(func.min(segment_changes.c.effective_at))).scalar_one()
    moments = [moment for moment in (first_moment(connection), changed) if moment is not None]
    first = min(moments, default=None)
    return None if first is None or first > known.watermark else first


def _orders(part: HistoryPart) -> Orders:
    rows = part.orders
    moment, amount = (rows[name].to_numpy(dtype=np.int64) for name in ("occurred_at", "amount_units"))
    return Orders(rows["customer"].to_numpy(dtype=np.int64), moment, rows["kind"].tolist(), amount)


def _of_model(changes: SegmentChanges) -> ChangeHistory:
    before, after = changes.from_segment, changes.to_segment
    return ChangeHistory(changes.customer, changes.effective_at, changes.cause, before, after, before, after)


def _published(rows: pd.DataFrame, models: Mapping[str, SegmentModel], numbers: SegmentNumbers) -> ChangeHistory:
    before, after = rows["from_segment"].astype("str"), rows["to_segment"].astype("str")
    rank_before, rank_after = np.full(len(rows), -1), np.full(len(rows), -1)
    for version, own in rows.groupby("model_version", observed=True).indices.items():
        if model := models.get(str(version)):
            rank_before[own] = _ranks(before.iloc[own], model)
            rank_after[own] = _ranks(after.iloc[own], model)
    return ChangeHistory(
        rows["customer"].to_numpy(dtype=np.int64),
        rows["effective_at"].to_numpy(dtype=np.int64),
        np.asarray(rows["cause"].astype("str").map(_CAUSES), dtype=np.int64),
        numbers.of(before),
        numbers.of(after),
        rank_before,
        rank_after,
    )


def _ranks(texts: "pd.Series[str]", model: SegmentModel) -> Ints:
    """The place of each id among a model's segments; -1 where it has none."""
    return np.asarray(texts.map(model.index).fillna(-1), dtype=np.int64)
