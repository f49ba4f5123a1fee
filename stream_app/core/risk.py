"""Risk states: what orders and silence do to them. Pure: no Kafka, no Postgres, no clock.

Between two orders a customer goes through the risk states at moments that the first of them decides. So every span
(:mod:`stream_app.core.spans`) has a state in which it begins, and the moments after that which time reaches. Most spans
are too short to reach the first moment, and cost no more than its closed form.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.decay import NEVER
from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import RhythmModel, first_risk_moment, risk_moments
from models.rhythm.rhythms import within_the_clock
from models.rhythm.risk import NO_STATE, RISK_STATES, Milestones, following, risk_state
from models.units import Ints
from stream_app.core.columns import NO_RECORD, Cause, Profiles
from stream_app.core.risk_columns import ActiveRhythm, RiskCause, RiskChanges, RiskOutcome, Risks
from stream_app.core.spans import Spans, spans
from stream_app.core.states import States, rank_within

_ON_RHYTHM = RISK_STATES.index("on_rhythm")
#: By number of a record's cause. Only these records change when or how often a customer has ordered.
_CAUSES = {Cause.PURCHASE: RiskCause.PURCHASE, Cause.REVISION: RiskCause.REVISION}
_CAUSE: Ints = np.array([_CAUSES.get(cause, RiskCause.PURCHASE).value for cause in Cause])


def apply_risk(rhythm: ActiveRhythm, before: Risks, profiles: Profiles, states: States, since: int) -> RiskOutcome:
    """The risk states of customers after some records, and after the silence up to the watermark.

    Parameters
    ----------
    before
        The stored rows of the profiles.
    states
        The states of the profiles (:func:`stream_app.core.states.unfold`).
    since
        The watermark at which the active model became active, in microseconds.
    """
    rescored = _rescore(rhythm, before, profiles, since)
    if rhythm.model is None or not len(before):
        return rescored
    outcome = _apply(rhythm.model, rescored.rows, spans(states))
    return RiskOutcome(outcome.rows, rescored.changes.merge(outcome.changes))


def outdated(before: Risks, profiles: Profiles) -> NDArray[np.bool_]:
    """Whose risk state has to be decided anew: customers with orders or with a row, not under the active rhythm."""
    return np.asarray(~before.current & ((profiles.frequency > 0) | (before.sequence > 0)))


def _rescore(rhythm: ActiveRhythm, before: Risks, profiles: Profiles, since: int) -> RiskOutcome:
    """Rescoring, step 5: decide the outdated rows under the active rhythm, as of the activation or the last event."""
    rows = np.flatnonzero(outdated(before, profiles))
    if not len(rows):
        return RiskOutcome(before, RiskChanges.empty())
    as_of = np.maximum(profiles.last_event_at[rows], since)
    state, next_state, next_at = (np.full(len(rows), value) for value in (NO_STATE, NO_STATE, NEVER))
    ordered = np.flatnonzero(profiles.frequency[rows] > 0)
    if rhythm.model is not None:
        columns = (profiles.first_purchase_at, profiles.last_purchase_at, profiles.frequency)
        histories = Histories(*(column[rows[ordered]] for column in columns))
        found = risk_moments(rhythm.model, within_the_clock(histories))
        state[ordered] = risk_state(found, as_of[ordered])
        next_state[ordered], next_at[ordered] = following(found, as_of[ordered])
    moved = np.flatnonzero(state != before.state[rows])
    changed = rows[moved]
    changes = RiskChanges(
        customer=changed,
        sequence=before.sequence[changed] + 1,
        from_state=before.state[changed],
        to_state=state[moved],
        cause=np.full(len(moved), RiskCause.MODEL.value),
        effective_at=as_of[moved],
        frequency=profiles.frequency[changed],
        last_purchase_at=profiles.last_purchase_at[changed],
        next_state=next_state[moved],
        next_at=next_at[moved],
        record=np.full(len(moved), NO_RECORD),
    )
    after = _after(before, changes, before.state, before.next_at)
    after.state[rows], after.next_at[rows], after.current[rows] = state, next_at, True
    return RiskOutcome(after, changes)


@dataclass(frozen=True, slots=True)
class _Moves:
    """Risk changes of spans, each span's in order of time."""

    span: Ints
    from_state: Ints
    to_state: Ints
    cause: Ints
    moment: Ints
    next_state: Ints
    next_at: Ints


def _apply(model: RhythmModel, before: Risks, all_spans: Spans) -> RiskOutcome:
    """Let every span begin in its state, and time pass in it."""
    entered, next_at = _entered(model, before, all_spans)
    left = entered.copy()
    reached = np.flatnonzero(next_at <= all_spans.reaches)
    by_silence = _pass_time(model, all_spans, reached, entered, left, next_at)
    by_orders = _moves_by_orders(model, all_spans, entered, left)
    changes = _in_order(before, all_spans, by_orders, by_silence)
    last = all_spans.last
    return RiskOutcome(_after(before, changes, left[last], next_at[last]), changes)


def _entered(model: RhythmModel, before: Risks, all_spans: Spans) -> tuple[Ints, Ints]:
    """The state in which every span would begin if its record were not late, and the moment of the next state."""
    count = len(all_spans.customer)
    entered, next_at = np.full(count, NO_STATE), np.full(count, NEVER)
    entered[all_spans.stored], next_at[all_spans.stored] = before.state, before.next_at
    ordered = np.flatnonzero(~all_spans.stored & (all_spans.frequency > 0))
    entered[ordered] = _ON_RHYTHM
    next_at[ordered] = first_risk_moment(model, all_spans.histories(ordered))
    return entered, next_at


def _pass_time(model: RhythmModel, all_spans: Spans, rows: Ints, entered: Ints, left: Ints, next_at: Ints) -> _Moves:
    """Ticks, step 5: the changes of some spans by silence; updates their entered and left states and next moments."""
    found = risk_moments(model, all_spans.histories(rows))
    begins, reaches = all_spans.begins[rows], all_spans.reaches[rows]
    # A late order, or a revision, begins a span in the middle of its silence.
    fresh = ~all_spans.stored[rows]
    entered[rows] = np.where(fresh, risk_state(found, begins), entered[rows])
    next_at[rows] = following(found, reaches).at
    moments = np.stack(found)
    ends = np.stack([*found[1:], np.full(len(rows), NEVER)])
    number = np.arange(1, len(found) + 1)[:, None]
    lasts = (moments < ends) & (moments <= reaches)
    span, milestone = np.nonzero((lasts & (number > entered[rows])).T)
    to_state, moment = milestone + 1, moments[milestone, span]
    is_first = rank_within(span) == 0
    from_state = np.where(is_first, entered[rows][span], np.roll(to_state, 1))
    left[rows[span]] = to_state
    left[rows] = np.maximum(left[rows], entered[rows])
    next_state, following_at = following(Milestones(*moments[:, span]), moment)
    cause = np.full(len(span), RiskCause.SILENCE.value)
    return _Moves(rows[span], from_state, to_state, cause, moment, next_state, following_at)


def _moves_by_orders(model: RhythmModel, all_spans: Spans, entered: Ints, left: Ints) -> _Moves:
    """The changes from the state in which a span ended to the state in which the next one begins."""
    begun = np.flatnonzero(~all_spans.stored)
    begun = begun[entered[begun] != left[begun - 1]]
    from_state, moment = left[begun - 1], all_spans.begins[begun]
    cause = _CAUSE[all_spans.cause[begun]]
    cause[(from_state == NO_STATE) & (cause == RiskCause.PURCHASE.value)] = RiskCause.FIRST_PURCHASE.value
    next_state, next_at = np.full(len(begun), NO_STATE), np.full(len(begun), NEVER)
    ordered = np.flatnonzero(all_spans.frequency[begun] > 0)
    found = risk_moments(model, all_spans.histories(begun[ordered]))
    next_state[ordered], next_at[ordered] = following(found, moment[ordered])
    return _Moves(begun, from_state, entered[begun], cause, moment, next_state, next_at)


def _in_order(before: Risks, all_spans: Spans, by_orders: _Moves, by_silence: _Moves) -> RiskChanges:
    both = (by_orders, by_silence)
    # An order begins its span, so a stable sort by span is in order of time for every customer.
    order = np.argsort(np.concatenate([moves.span for moves in both]), kind="stable")

    def column(name: str) -> Ints:
        return np.concatenate([getattr(moves, name) for moves in both])[order]

    span, cause = column("span"), column("cause")
    customer = all_spans.customer[span]
    return RiskChanges(
        customer=customer,
        sequence=before.sequence[customer] + 1 + rank_within(customer),
        from_state=column("from_state"),
        to_state=column("to_state"),
        cause=cause,
        effective_at=column("moment"),
        frequency=all_spans.frequency[span],
        last_purchase_at=all_spans.last_purchase_at[span],
        next_state=column("next_state"),
        next_at=column("next_at"),
        record=np.where(cause == RiskCause.SILENCE.value, NO_RECORD, all_spans.record[span]),
    )


def _after(before: Risks, changes: RiskChanges, state: Ints, next_at: Ints) -> Risks:
    since = before.since.copy()
    since[changes.customer] = changes.effective_at
    return replace(
        before,
        state=state.copy(),
        since=since,
        sequence=before.sequence + np.bincount(changes.customer, minlength=len(before)),
        next_at=next_at.copy(),
        current=before.current.copy(),
    )
