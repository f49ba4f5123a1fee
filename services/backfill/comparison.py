"""Two histories of the same customers, compared per calendar period: sizes of segments, moves, direction. Pure.

The states of a history are segments or risk states, and each kind has causes of its own.

Customers are added part by part, and only counts are kept. The state of a customer at the end of a period is that of
their last change before the next one begins.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd

from models.calendar import CalendarPeriod
from models.moves import BACK_WITHIN, PURCHASE, RETURN, TIME, Direction, Moves, climbs, falls, lead_back
from models.segment_model import NO_SEGMENT
from models.units import Ints, to_micros
from stream_app.core.columns import Cause
from stream_app.core.risk_columns import RiskCause

#: Customers by their segment under the model and the published one; None is no segment.
Pairs = dict[tuple[str | None, str | None], int]
_OTHER = -1


class Causes(NamedTuple):
    """The causes of a kind of changes, by their numbers.

    Parameters
    ----------
    words
        The words as they are stored and published.
    direction
        What each is to the direction of a move; neither time nor an order otherwise.
    """

    words: Sequence[str]
    direction: Ints


_DIRECTIONS = {Cause.PURCHASE: PURCHASE, Cause.RETURN: RETURN, Cause.DECAY: TIME}
OF_SEGMENTS = Causes([cause.word for cause in Cause], np.array([_DIRECTIONS.get(cause, _OTHER) for cause in Cause]))
#: A risk state has no rank that a move could climb or fall in.
OF_RISK = Causes([cause.word for cause in RiskCause], np.full(len(RiskCause), _OTHER))


class ChangeHistory(NamedTuple):
    """Changes of some customers, a customer's together and in order; each array of shape (n,).

    Parameters
    ----------
    customer, at
        Number of the customer; the moment at which the change was effective, in microseconds.
    cause
        The number of the cause, in the :class:`Causes` of the comparison.
    before, after
        Numbers of segments or risk states; the same for both histories that are compared.
    rank_before, rank_after
        Their places among the segments of the model that decided the change, 0 is the best; -1 for none.
    """

    customer: Ints
    at: Ints
    cause: Ints
    before: Ints
    after: Ints
    rank_before: Ints
    rank_after: Ints


@dataclass(frozen=True)
class MoveCounts:
    """How many changes there were by cause, how many lead back within 90 days, and the direction of moves."""

    by_cause: dict[str, int]
    to_and_fro: int
    direction: Direction

    @property
    def all(self) -> int:
        """The number of changes."""
        return sum(self.by_cause.values())

    @classmethod
    def total(cls, parts: Sequence[Self], of: Causes = OF_SEGMENTS) -> Self:
        """The sums."""
        causes = {word: sum(part.by_cause[word] for part in parts) for word in of.words}
        directions = np.array([part.direction for part in parts] or [Direction(0, 0, 0, 0)]).sum(axis=0)
        return cls(causes, sum(part.to_and_fro for part in parts), Direction(*directions.tolist()))


@dataclass(frozen=True)
class PeriodComparison:
    """One period: customers at its end by segment, and what happened in it.

    ``equal`` is the number of changes that both histories have, at the same moment, between the same segments and with
    the same cause.
    """

    period: CalendarPeriod
    pairs: Pairs
    model: MoveCounts
    published: MoveCounts
    equal: int

    @property
    def customers(self) -> int:
        """Customers who are in a segment in at least one of the histories."""
        return sum(self.pairs.values())

    @property
    def same(self) -> int:
        """Customers who are in the same segment in both."""
        return sum(count for (model, published), count in self.pairs.items() if model == published)

    @property
    def share(self) -> float | None:
        """The share of customers in the same segment; None without customers."""
        return self.same / self.customers if self.customers else None

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Customers by segment: under the model, and as published."""
        model: Counter[str] = Counter()
        published: Counter[str] = Counter()
        for (ours, theirs), count in self.pairs.items():
            if ours is not None:
                model[ours] += count
            if theirs is not None:
                published[theirs] += count
        return {segment: (model[segment], published[segment]) for segment in sorted({*model, *published})}


class ComparedPeriods:
    """What two histories have in common, from the periods that were compared.

    Attributes
    ----------
    causes
        Those of the changes that are compared.
    differing
        Customers of whom not all changes in the periods are in both histories.
    periods
        The compared periods, in order; without one if too little of the published history is kept.
    """

    causes: ClassVar[Causes] = OF_SEGMENTS
    differing: int
    periods: list[PeriodComparison]

    @property
    def equal(self) -> int:
        """How many changes of the periods both histories have."""
        return sum(period.equal for period in self.periods)

    @property
    def totals(self) -> tuple[MoveCounts, MoveCounts]:
        """The changes in all periods: of the model, and the published ones."""
        model = MoveCounts.total([period.model for period in self.periods], self.causes)
        return model, MoveCounts.total([period.published for period in self.periods], self.causes)


@dataclass
class _Moves:
    """Counts of one history by period; the arrays have one row for each period."""

    causes: Causes
    by_cause: Ints
    to_and_fro: Ints
    direction: Ints

    @classmethod
    def none(cls, causes: Causes, periods: int) -> Self:
        def zeros(*shape: int) -> Ints:
            return np.zeros(shape, dtype=np.int64)

        return cls(causes, zeros(periods, len(causes.words)), zeros(periods), zeros(periods, 4))

    def add(self, history: ChangeHistory, period: Ints) -> None:
        """Count changes, each in its period; -1 is before the first one."""
        inside = period >= 0
        periods, causes = self.by_cause.shape
        code = period[inside] * causes + history.cause[inside]
        self.by_cause += np.bincount(code, minlength=periods * causes).reshape(periods, causes)

        def count(chosen: np.ndarray) -> Ints:
            return np.bincount(period[inside & chosen], minlength=periods)

        cause = self.causes.direction[history.cause]
        found = Moves(history.at, history.customer, history.at, cause, history.before, history.after)
        self.to_and_fro += count(lead_back(found, BACK_WITHIN))
        ranked = (history.rank_before >= 0) & (history.rank_after >= 0)
        cause = np.where(ranked, cause, _OTHER)
        found = found._replace(cause=cause, before=history.rank_before, after=history.rank_after)
        masks = (cause == TIME, climbs(found), cause == PURCHASE, falls(found))
        self.direction += np.column_stack([count(mask) for mask in masks])

    def of(self, period: int) -> MoveCounts:
        by_cause = {word: int(self.by_cause[period, number]) for number, word in enumerate(self.causes.words)}
        return MoveCounts(by_cause, int(self.to_and_fro[period]), Direction(*self.direction[period].tolist()))


@dataclass
class HistoryComparison:
    """Two histories, compared in some periods that follow each other.

    ``differing`` counts customers of whom not all changes in the periods are in both.
    """

    periods: Sequence[CalendarPeriod]
    causes: Causes = OF_SEGMENTS
    differing: int = 0
    _pairs: list[Counter[tuple[int, int]]] = field(init=False)
    _model: _Moves = field(init=False)
    _published: _Moves = field(init=False)
    _equal: Ints = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.periods)
        self._begins = np.array([to_micros(period.since) for period in self.periods], dtype=np.int64)
        self._pairs = [Counter() for _ in range(count)]
        self._model, self._published = _Moves.none(self.causes, count), _Moves.none(self.causes, count)
        self._equal = np.zeros(count, dtype=np.int64)

    def add(self, customers: int, model: ChangeHistory, published: ChangeHistory) -> None:
        """Add all changes of some customers, who are numbered from 0."""
        if not self.periods:
            return
        of_model, of_published = self._period_of(model), self._period_of(published)
        self._model.add(model, of_model)
        self._published.add(published, of_published)
        customer, period = _equal(model, published, of_model)
        self._equal += np.bincount(period, minlength=len(self.periods))
        counts = [
            np.bincount(of, minlength=customers)
            for of in (customer, model.customer[of_model >= 0], published.customer[of_published >= 0])
        ]
        self.differing += int(((counts[1] != counts[0]) | (counts[2] != counts[0])).sum())
        ours = _at_ends(model, of_model, customers, len(self.periods))
        theirs = _at_ends(published, of_published, customers, len(self.periods))
        for pairs, mine, other in zip(self._pairs, ours, theirs, strict=True):
            pairs.update(_counted(mine, other))

    def results(self, ids: Sequence[str]) -> list[PeriodComparison]:
        """Every period; ``ids`` are the segments or risk states by number."""

        def named(number: int) -> str | None:
            return None if number == NO_SEGMENT else ids[number]

        return [
            PeriodComparison(
                period,
                {(named(mine), named(other)): count for (mine, other), count in sorted(self._pairs[row].items())},
                self._model.of(row),
                self._published.of(row),
                int(self._equal[row]),
            )
            for row, period in enumerate(self.periods)
        ]

    def _period_of(self, history: ChangeHistory) -> Ints:
        return np.asarray(np.searchsorted(self._begins, history.at, side="right") - 1)


def _at_ends(history: ChangeHistory, period: Ints, customers: int, periods: int) -> Iterator[Ints]:
    """The segment of every customer at the end of each period in turn; the array is the same one each time."""
    segment = np.full(customers, NO_SEGMENT)
    order = np.argsort(period, kind="stable")
    customer, after = history.customer[order], history.after[order]
    ends = np.searchsorted(period[order], np.arange(-1, periods), side="right").tolist()
    # Of several changes of one customer, numpy assigns the last one.
    segment[customer[: ends[0]]] = after[: ends[0]]
    for begin, end in pairwise(ends):
        segment[customer[begin:end]] = after[begin:end]
        yield segment


def _counted(mine: Ints, other: Ints) -> dict[tuple[int, int], int]:
    """Customers by both segments, without those who are in none."""
    width = int(other.max(initial=NO_SEGMENT)) + 2
    code = (mine + 1) * width + other + 1
    counts = np.bincount(code)
    counts[:1] = 0
    return {(found // width - 1, found % width - 1): int(counts[found]) for found in np.flatnonzero(counts).tolist()}


def _equal(model: ChangeHistory, published: ChangeHistory, period: Ints) -> tuple[Ints, Ints]:
    """Customer and period of each change that both have; ``period`` is that of the model's changes, -1 is left out."""
    names = ["customer", "at", "cause", "before", "after"]
    both = []
    for history in (model, published):
        rows = pd.DataFrame({name: getattr(history, name) for name in names})
        both.append(rows.assign(again=rows.groupby(names).cumcount()))
    found = both[0].assign(period=period)[period >= 0].merge(both[1], on=[*names, "again"])
    return found["customer"].to_numpy(), found["period"].to_numpy()
