"""The processor's core: what records and the passing of time do to customers. Pure: no Kafka, no Postgres, no clock.

A customer's numbers (frequency, money, dates) never depend on segments, so a batch needs no loop over records: every
customer unfolds into a row of *states*, the stored one followed by one per record. All states are scored in one go;
then decay plays out inside each state until the next record's moment (or the newest tick) takes over. Order holds
within a customer, and customers never see each other, so the result can't depend on where a batch begins or ends.
"""

from dataclasses import dataclass, replace

import numpy as np

from models.decay import NEVER, next_change
from models.segment_model import NO_SEGMENT, SegmentModel, assign, monetary_value, net_or_gross
from models.units import MICROS_PER_DAY, Ints
from stream_app.core.columns import LONG_AGO, NO_RECORD, Cause, Changes, Outcome, Profiles, Records


def apply_records(model: SegmentModel, before: Profiles, records: Records, until: int) -> Outcome:
    """Apply records in log order, then the decay that is due by ``until``.

    Parameters
    ----------
    before
        The touched customers, newcomers included, all under ``model``; each customer once.
    records
        Their transactions, duplicates already dropped.
    until
        The newest tick at the end of the batch, in microseconds; ``LONG_AGO`` if there was none.
    """
    states = _unfold(before, records, until)
    changes, path = _play(model, before, states)
    after = _last_states(before, states, path, changes)
    late = int((records.occurred_at[states.record[~states.stored]] < states.as_of[~states.stored]).sum())
    return Outcome(after, changes, late)


def rescore(model: SegmentModel, before: Profiles, since: int) -> Outcome:
    """Put customers under a new model, as of the moment it was activated or their own last event, if that is later.

    Decay that was due by then under the old model has fired already: the tick before the activation saw to it.
    """
    as_of = np.maximum(before.last_event_at, since)
    standing = _RfmState(before.last_purchase_at, before.frequency, before.gross, before.returned, as_of)
    path = _Path.scored(model, standing, np.arange(len(before)))
    moved = np.flatnonzero(path.segment != before.segment)
    changes = Changes(
        customer=moved,
        sequence=before.sequence[moved] + 1,
        from_segment=before.segment[moved],
        to_segment=path.segment[moved],
        cause=np.full(len(moved), Cause.MODEL.value),
        effective_at=as_of[moved],
        recency_days=_days_between(before.last_purchase_at[moved], as_of[moved]),
        frequency=before.frequency[moved],
        monetary=net_or_gross(model.monetary, before.gross, before.returned)[moved],
        record=np.full(len(moved), NO_RECORD),
    )
    after = replace(
        before,
        segment=path.segment,
        segment_since=np.where(path.segment != before.segment, as_of, before.segment_since),
        sequence=before.sequence + (path.segment != before.segment),
        next_change_at=path.next_change_at,
        next_segment=path.next_segment,
    )
    return Outcome(after, changes)


@dataclass(frozen=True, slots=True)
class _RfmState:
    """What n scored states rest on; ``as_of`` is the moment of each."""

    last_purchase_at: Ints
    frequency: Ints
    gross: Ints
    returned: Ints
    as_of: Ints


@dataclass(frozen=True, slots=True)
class _States(_RfmState):
    """Every customer's states in order.

    ``stored`` marks the first of each customer, the one that was loaded, and ``last`` has each customer's last row;
    a state holds from ``as_of`` up to ``until``.
    """

    customer: Ints
    stored: Ints
    record: Ints
    is_sale: Ints
    first_purchase_at: Ints
    last_event_at: Ints
    until: Ints
    last: Ints


def _unfold(before: Profiles, records: Records, until: int) -> _States:
    counts = np.bincount(records.customer, minlength=len(before))
    customer = np.repeat(np.arange(len(before)), counts + 1)
    first = np.arange(len(before)) + np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    stored = np.zeros(len(customer), dtype=bool)
    stored[first] = True
    log_order = np.argsort(records.customer, kind="stable")
    record = np.full(len(customer), NO_RECORD)
    record[~stored] = log_order

    def column(of_profile: Ints, of_record: Ints) -> Ints:
        values = np.empty(len(customer), dtype=np.int64)
        values[stored] = of_profile
        values[~stored] = of_record[log_order]
        return values

    sale = records.is_sale.astype(bool)
    sold_at = np.where(sale, records.occurred_at, LONG_AGO)
    last_event_at = _running_max(column(before.last_event_at, records.occurred_at), customer)
    as_of = np.maximum(last_event_at, column(before.last_event_at, records.tick))
    last = first + counts
    next_as_of = np.append(as_of[1:], until)
    next_as_of[last] = until
    return _States(
        customer=customer,
        stored=stored,
        record=record,
        is_sale=column(np.zeros(len(before), dtype=np.int64), records.is_sale),
        first_purchase_at=column(before.first_purchase_at, np.where(sale, records.occurred_at, NEVER)),
        last_purchase_at=_running_max(column(before.last_purchase_at, sold_at), customer),
        last_event_at=last_event_at,
        frequency=_running_sum(column(before.frequency, records.is_sale), first, customer),
        gross=_running_sum(column(before.gross, np.where(sale, records.amount, 0)), first, customer),
        returned=_running_sum(column(before.returned, np.where(sale, 0, records.amount)), first, customer),
        as_of=as_of,
        until=next_as_of,
        last=last,
    )


@dataclass(frozen=True, slots=True)
class _Path:
    """Where each of n states stands, and where time alone takes it next. The arrays are advanced in place."""

    segment: Ints
    next_change_at: Ints
    next_segment: Ints

    @classmethod
    def scored(cls, model: SegmentModel, states: "_RfmState", rows: Ints) -> "_Path":
        """Score some rows at their moment; those without a purchase have no segment and go nowhere."""
        count = len(states.as_of)
        path = cls(np.full(count, NO_SEGMENT), np.full(count, NEVER), np.full(count, NO_SEGMENT))
        buyers = rows[states.frequency[rows] > 0]
        days = _days_between(states.last_purchase_at[buyers], states.as_of[buyers])
        monetary = monetary_value(model, states.gross[buyers], states.returned[buyers])
        path.segment[buyers] = assign(model, days, states.frequency[buyers], monetary)
        path.look_ahead(model, states, buyers, days)
        return path

    def look_ahead(self, model: SegmentModel, states: "_RfmState", rows: Ints, days: Ints) -> None:
        """Find the next change of some rows, which stand at a recency of ``days``."""
        monetary = monetary_value(model, states.gross[rows], states.returned[rows])
        coming = next_change(model, self.segment[rows], days, states.frequency[rows], monetary)
        never = coming.recency_days == NEVER
        moment = states.last_purchase_at[rows] + np.where(never, 0, coming.recency_days) * MICROS_PER_DAY
        self.next_change_at[rows] = np.where(never, NEVER, moment)
        self.next_segment[rows] = coming.segment


def _play(model: SegmentModel, before: Profiles, states: _States) -> tuple[Changes, _Path]:
    """Every change in order, and where each state ends."""
    by_record = np.flatnonzero(~states.stored)
    path = _Path.scored(model, states, by_record)
    path.segment[states.stored] = before.segment
    path.next_change_at[states.stored] = before.next_change_at
    path.next_segment[states.stored] = before.next_segment
    entered = path.segment.copy()

    moves = []
    due = np.flatnonzero(path.next_change_at <= states.until)
    while len(due):
        left, moment = path.segment[due], path.next_change_at[due]
        path.segment[due] = path.next_segment[due]
        moves.append(_Moves(due, left, path.segment[due], np.full(len(due), Cause.DECAY.value), moment))
        path.look_ahead(model, states, due, _days_between(states.last_purchase_at[due], moment))
        due = due[path.next_change_at[due] <= states.until[due]]

    came_from = path.segment[by_record - 1]
    moved = entered[by_record] != came_from
    by_record, came_from = by_record[moved], came_from[moved]
    cause = np.where(states.is_sale[by_record] == 1, Cause.PURCHASE.value, Cause.RETURN.value)
    cause[came_from == NO_SEGMENT] = Cause.FIRST_PURCHASE.value
    moves.insert(0, _Moves(by_record, came_from, entered[by_record], cause, states.as_of[by_record]))
    return _in_order(model, before, states, moves), path


@dataclass(frozen=True, slots=True)
class _Moves:
    """One round of moves: at most one for each state."""

    state: Ints
    from_segment: Ints
    to_segment: Ints
    cause: Ints
    moment: Ints


def _in_order(model: SegmentModel, before: Profiles, states: _States, rounds: list[_Moves]) -> Changes:
    state = np.concatenate([moves.state for moves in rounds])
    # Rounds are in order of time for every state, so a stable sort by state is an order of time for every customer.
    order = np.argsort(state, kind="stable")
    state = state[order]

    def column(name: str) -> Ints:
        return np.concatenate([getattr(moves, name) for moves in rounds])[order]

    customer, moment, cause = states.customer[state], column("moment"), column("cause")
    return Changes(
        customer=customer,
        sequence=before.sequence[customer] + 1 + _rank_within(customer),
        from_segment=column("from_segment"),
        to_segment=column("to_segment"),
        cause=cause,
        effective_at=moment,
        recency_days=_days_between(states.last_purchase_at[state], moment),
        frequency=states.frequency[state],
        monetary=net_or_gross(model.monetary, states.gross[state], states.returned[state]),
        record=np.where(cause == Cause.DECAY.value, NO_RECORD, states.record[state]),
    )


def _last_states(before: Profiles, states: _States, path: _Path, changes: Changes) -> Profiles:
    last = states.last
    segment_since = before.segment_since.copy()
    segment_since[changes.customer] = changes.effective_at
    first_states = np.flatnonzero(states.stored)
    first_purchase_at = np.minimum.reduceat(states.first_purchase_at, first_states) if len(before) else last
    return replace(
        before,
        first_purchase_at=first_purchase_at,
        last_purchase_at=states.last_purchase_at[last],
        last_event_at=states.last_event_at[last],
        frequency=states.frequency[last],
        gross=states.gross[last],
        returned=states.returned[last],
        segment=path.segment[last],
        segment_since=segment_since,
        sequence=before.sequence + np.bincount(changes.customer, minlength=len(before)),
        next_change_at=path.next_change_at[last],
        next_segment=path.next_segment[last],
    )


def _days_between(earlier: Ints, later: Ints) -> Ints:
    return np.asarray((later - earlier) // MICROS_PER_DAY)


def _running_sum(values: Ints, first: Ints, group: Ints) -> Ints:
    """Cumulative sum within each group; ``first`` is each group's first row. Exact: integers wrap and unwrap."""
    total = np.cumsum(values)
    return np.asarray(total - (total[first] - values[first])[group])


def _running_max(values: Ints, group: Ints) -> Ints:
    """Cumulative maximum within each group; groups are numbered in ascending order."""
    distinct, rank = np.unique(values, return_inverse=True)
    lift = group * len(distinct)
    return np.asarray(distinct[np.maximum.accumulate(rank + lift) - lift])


def _rank_within(group: Ints) -> Ints:
    """0, 1, 2, ... within each run of equal values."""
    positions = np.arange(len(group))
    starts = np.concatenate([[True], group[1:] != group[:-1]]) if len(group) else np.empty(0, dtype=bool)
    return np.asarray(positions - np.maximum.accumulate(np.where(starts, positions, 0)))
