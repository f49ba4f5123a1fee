"""Unit of work, step 4: what records and the passing of time do to customers. Pure: no Kafka, no Postgres, no clock.

:func:`stream_app.core.states.unfold` turns every customer into a row of states. All states are scored in one call;
then decay moves each state until it ends, at the as-of time of the next record or at the watermark. Under a model with
a window, expiries begin states, too (:mod:`stream_app.core.expiries`). Records of a
customer are applied in the order of the log, and customers never affect each other, so the result does not depend on
the boundaries of micro-batches.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from models.decay import NEVER, next_change
from models.scoring import assign, monetary_value, net_or_gross
from models.segment_model import NO_SEGMENT, SegmentModel
from models.units import MICROS_PER_DAY, Ints
from stream_app.core.columns import NO_RECORD, Cause, Profiles, Records, SegmentChanges, TransitionOutcome
from stream_app.core.counted import CountedTransactions
from stream_app.core.expiries import Ahead, known_until, with_expiries
from stream_app.core.states import RfmState, States, rank_within, unfold


def apply_records(
    model: SegmentModel | None,
    before: Profiles,
    records: Records,
    watermark: int,
    counted: CountedTransactions | None = None,
) -> TransitionOutcome:
    """Apply records in the order of the log, then the decay that is due by the watermark.

    Parameters
    ----------
    model
        Decides the segments; without one, profiles are kept, and no customer has a segment.
    before
        The customers of the records and those whose decay is due, new customers included, each once, all of them
        under ``model``.
    records
        The customers' transactions, without duplicates.
    watermark
        The partition's watermark at the end of the batch, in microseconds; ``LONG_AGO`` before the first tick.
    counted
        What the customers have in the window of the model; None if it has none.
    """
    return apply_states(model, before, records, unfold(before, records, watermark), watermark, counted)


def apply_states(
    model: SegmentModel | None,
    before: Profiles,
    records: Records,
    states: States,
    watermark: int,
    counted: CountedTransactions | None = None,
) -> TransitionOutcome:
    """:func:`apply_records`, from the states to which the records lead (:func:`stream_app.core.states.unfold`)."""
    scored, ahead = states, None
    if counted is not None:
        scored, ahead = with_expiries(states, counted, known_until(before, states), watermark)
    assignment = _assign_states(model, before, scored)
    changes = (
        SegmentChanges.empty()
        if model is None
        else _in_order(model, before, scored, _fire_decay(model, scored, assignment))
    )
    last = assignment.where(scored.last)
    if model is not None and ahead is not None:
        last.look_ahead(model, ahead)
    after = _last_states(before, states, last, changes)
    # A revision is about an order of the past, and is no late transaction.
    sent = ~states.stored & (states.revises == 0)
    late = int((records.occurred_at[states.record[sent]] < states.as_of[sent]).sum())
    return TransitionOutcome(after, changes, late)


def rescore(
    model: SegmentModel, before: Profiles, since: int, counted: CountedTransactions | None = None
) -> TransitionOutcome:
    """Assign customers to the segments of a newly activated model, which may be their first one.

    The as-of time is the later of the activation (``since``, microseconds) and the customer's own last event. Decay
    that was due by then under the old model has fired already, at the watermark before the activation.
    """
    as_of = np.maximum(before.last_event_at, since)
    state, ahead = RfmState.of(before, as_of), None
    if counted is not None:
        stored = unfold(before, Records.empty(), since)
        state, ahead = with_expiries(replace(stored, as_of=as_of), counted, as_of, since)
    assignment = _Assignment.of(model, state, np.arange(len(before)))
    if ahead is not None:
        assignment.look_ahead(model, ahead)
    moved = np.flatnonzero(assignment.segment != before.segment)
    changes = SegmentChanges(
        customer=moved,
        sequence=before.sequence[moved] + 1,
        from_segment=before.segment[moved],
        to_segment=assignment.segment[moved],
        # A customer who has bought is without a segment only if there was no model.
        cause=np.where(before.segment[moved] == NO_SEGMENT, Cause.FIRST_MODEL.value, Cause.MODEL.value),
        effective_at=as_of[moved],
        recency_days=_days_between(state.counts_from[moved], as_of[moved]),
        frequency=state.frequency[moved],
        monetary=net_or_gross(model.monetary, state.gross, state.returned)[moved],
        gross=state.gross[moved],
        returned=state.returned[moved],
        record=np.full(len(moved), NO_RECORD),
    )
    after = replace(
        before,
        segment=assignment.segment,
        segment_since=np.where(assignment.segment != before.segment, as_of, before.segment_since),
        sequence=before.sequence + (assignment.segment != before.segment),
        next_change_at=assignment.next_change_at,
        next_segment=assignment.next_segment,
    )
    return TransitionOutcome(after, changes)


@dataclass(frozen=True, slots=True)
class _Assignment:
    """The segment of each of n states, and the next change that time alone causes. Decay updates the arrays in place.

    The state of a customer who never had a purchase has no segment and no next change.
    """

    segment: Ints
    next_change_at: Ints
    next_segment: Ints

    @classmethod
    def of(cls, model: SegmentModel | None, states: RfmState, rows: Ints) -> Self:
        """Score the states of some rows at their as-of time."""
        count = len(states.as_of)
        assignment = cls(np.full(count, NO_SEGMENT), np.full(count, NEVER), np.full(count, NO_SEGMENT))
        if model is None:
            return assignment
        buyers = rows[states.has_bought[rows]]
        days = _days_between(states.counts_from[buyers], states.as_of[buyers])
        monetary = monetary_value(model, states.gross[buyers], states.returned[buyers])
        assignment.segment[buyers] = assign(model, days, states.frequency[buyers], monetary)
        assignment.find_next_change(model, states, buyers, days)
        return assignment

    def find_next_change(self, model: SegmentModel, states: RfmState, rows: Ints, days: Ints) -> None:
        """Ticks, step 6: compute the next change of some rows, whose recency is ``days``."""
        monetary = monetary_value(model, states.gross[rows], states.returned[rows])
        change = next_change(model, self.segment[rows], days, states.frequency[rows], monetary)
        never = change.recency_days == NEVER
        moment = states.counts_from[rows] + np.where(never, 0, change.recency_days) * MICROS_PER_DAY
        self.next_change_at[rows] = np.where(never, NEVER, moment)
        self.next_segment[rows] = change.segment

    def where(self, rows: Ints) -> "_Assignment":
        """The assignments of some rows."""
        return _Assignment(self.segment[rows], self.next_change_at[rows], self.next_segment[rows])

    def look_ahead(self, model: SegmentModel, ahead: Ahead) -> None:
        """Ticks, step 6, under a model with a window: the next change of customers, of whom each has one row.

        It is decay before the first expiry, or the first expiry that leads to another segment, or decay after one that
        does not.
        """
        found = _Assignment.of(model, ahead, np.arange(len(ahead.as_of)))
        customers, first = np.unique(ahead.customer, return_index=True)
        ends_at = np.full(len(ahead.as_of), NEVER)
        follows = ahead.customer[1:] == ahead.customer[:-1]
        ends_at[:-1][follows] = ahead.as_of[1:][follows] - 1
        moved = found.segment != self.segment[ahead.customer]
        decays = ~moved & (found.next_change_at <= ends_at)
        moment = np.where(moved, ahead.as_of, np.where(decays, found.next_change_at, NEVER))
        segment = np.where(moved, found.segment, np.where(decays, found.next_segment, NO_SEGMENT))
        # Before the first expiry, the state is as it is; later it is not, and what was found for it is void.
        void = self.next_change_at[customers] >= ahead.as_of[first]
        self.next_change_at[customers[void]], self.next_segment[customers[void]] = NEVER, NO_SEGMENT
        changing = np.flatnonzero((moment != NEVER) & np.isin(ahead.customer, customers[void]))
        customers, first = np.unique(ahead.customer[changing], return_index=True)
        self.next_change_at[customers] = moment[changing][first]
        self.next_segment[customers] = segment[changing][first]


@dataclass(frozen=True, slots=True)
class _Moves:
    """One round of segment changes: at most one for each state."""

    state: Ints
    from_segment: Ints
    to_segment: Ints
    cause: Ints
    moment: Ints


def _assign_states(model: SegmentModel | None, before: Profiles, states: States) -> _Assignment:
    """The segment of every state at its as-of time; stored states keep the segment that was stored."""
    assignment = _Assignment.of(model, states, np.flatnonzero(~states.stored))
    assignment.segment[states.stored] = before.segment
    assignment.next_change_at[states.stored] = before.next_change_at
    assignment.next_segment[states.stored] = before.next_segment
    return assignment


def _fire_decay(model: SegmentModel, states: States, assignment: _Assignment) -> list[_Moves]:
    """Ticks, step 5: move each state from change to change until it ends.

    Returns all changes, those that records cause first.
    """
    entered = assignment.segment.copy()
    rounds = []
    due = np.flatnonzero(assignment.next_change_at <= states.ends_at)
    while len(due):
        left, moment = assignment.segment[due], assignment.next_change_at[due]
        assignment.segment[due] = assignment.next_segment[due]
        rounds.append(_Moves(due, left, assignment.segment[due], np.full(len(due), Cause.DECAY.value), moment))
        assignment.find_next_change(model, states, due, _days_between(states.counts_from[due], moment))
        due = due[assignment.next_change_at[due] <= states.ends_at[due]]
    return [_moves_by_records(states, entered, assignment.segment), *rounds]


def _moves_by_records(states: States, entered: Ints, left: Ints) -> _Moves:
    """The changes from the segment in which a state ended to the segment in which the next state begins.

    ``entered`` is the segment of each state at its beginning, ``left`` the segment at its end.
    """
    by_record = np.flatnonzero(~states.stored)
    from_segment = left[by_record - 1]
    moved = entered[by_record] != from_segment
    by_record, from_segment = by_record[moved], from_segment[moved]
    cause = states.cause[by_record]
    cause[from_segment == NO_SEGMENT] = Cause.FIRST_PURCHASE.value
    return _Moves(by_record, from_segment, entered[by_record], cause, states.as_of[by_record])


def _in_order(model: SegmentModel, before: Profiles, states: States, rounds: list[_Moves]) -> SegmentChanges:
    state = np.concatenate([moves.state for moves in rounds])
    # The rounds are in order of time for every state, so a stable sort by state is in order of time for every customer.
    order = np.argsort(state, kind="stable")
    state = state[order]

    def column(name: str) -> Ints:
        return np.concatenate([getattr(moves, name) for moves in rounds])[order]

    customer, moment, cause = states.customer[state], column("moment"), column("cause")
    return SegmentChanges(
        customer=customer,
        sequence=before.sequence[customer] + 1 + rank_within(customer),
        from_segment=column("from_segment"),
        to_segment=column("to_segment"),
        cause=cause,
        effective_at=moment,
        recency_days=_days_between(states.counts_from[state], moment),
        frequency=states.frequency[state],
        monetary=net_or_gross(model.monetary, states.gross[state], states.returned[state]),
        gross=states.gross[state],
        returned=states.returned[state],
        record=np.where(cause == Cause.DECAY.value, NO_RECORD, states.record[state]),
    )


def _last_states(before: Profiles, states: States, assignment: _Assignment, changes: SegmentChanges) -> Profiles:
    """The profiles to store: their totals are those of all orders, whatever the model counts."""
    last = states.last
    segment_since = before.segment_since.copy()
    segment_since[changes.customer] = changes.effective_at
    # Of each customer, the states from the last revision on; from the stored state on without one.
    begins = np.flatnonzero(states.stored | (states.revises == 1))
    first_purchase_at = np.minimum.reduceat(states.first_purchase_at, begins) if len(before) else last
    first_purchase_at = first_purchase_at[np.searchsorted(begins, last, side="right") - 1]
    return replace(
        before,
        first_purchase_at=first_purchase_at,
        last_purchase_at=states.last_purchase_at[last],
        last_event_at=states.last_event_at[last],
        frequency=states.frequency[last],
        gross=states.gross[last],
        returned=states.returned[last],
        segment=assignment.segment,
        segment_since=segment_since,
        sequence=before.sequence + np.bincount(changes.customer, minlength=len(before)),
        next_change_at=assignment.next_change_at,
        next_segment=assignment.next_segment,
    )


def _days_between(earlier: Ints, later: Ints) -> Ints:
    return np.asarray((later - earlier) // MICROS_PER_DAY)
