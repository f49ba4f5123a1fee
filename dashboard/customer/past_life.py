"""One customer as of a past day: the published segment, the orders that had happened, and the model of that day.

Rows of the customer are read by index; no other customer is.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from dashboard.customer import life, queries
from dashboard.customer.figures import Outlook, Timeline
from dashboard.customer.markup import Portrait
from dashboard.customer.portraits import portrait_of
from dashboard.customer.why import SegmentReason, why
from dashboard.shared.foresight import moves_ahead
from dashboard.shared.personas import Personas, personas
from dashboard.shared.profiles import PastProfile
from data.postgres import model_registry
from data.postgres.counted import Counted
from data.postgres.past_moments import PastError, answerable
from data.postgres.past_states import PastState, past_state
from models.decay import NEVER
from models.published_outlook import published_outlook
from models.segment_model import SegmentModel
from models.units import from_micros, from_money_units, to_micros
from runtime.money import Money


@dataclass(frozen=True)
class PastBiography:
    """One customer at a past moment.

    ``model`` is the one that was active, and ``known`` has its personas first. ``why`` is None if the published segment
    does not follow from R, F and M as they are known now.
    """

    portrait: Portrait
    why: SegmentReason | None
    timeline: Timeline
    changes: pd.DataFrame
    risks: pd.DataFrame
    model: SegmentModel
    known: Personas


def read(
    connection: Connection, present: Personas, at: datetime, customer_id: str, money: Money
) -> PastBiography | None:
    """Everything about one customer at a moment; None if the stream did not know them by then.

    Parameters
    ----------
    present
        The personas of the champion, for segments of other models.

    Raises
    ------
    PastError
        If the customer can't be shown at that moment, or no model was active then.
    """
    answerable(connection, customer_id).check(at)
    state = past_state(connection, at, customer_id)
    if state is None:
        return None
    if state.model_version is None:
        raise PastError("there was no model yet, so no customer had a segment")
    model = dict(model_registry.read_all(connection, [state.model_version]))[state.model_version]
    changes, ledger = queries.changes(connection, customer_id, at), queries.ledger(connection, customer_id, at)
    found, is_settled = _profile(state, ledger, model, at)
    gross, returned = (from_money_units(units) for units in (state.counted_gross_units, state.counted_returned_units))
    counted = Counted(state.counted_frequency, gross, returned)
    who = portrait_of(found, counted, model, at, is_settled)
    spend = life.spend_steps(ledger, model, counted.frequency, float(gross), float(returned), at)
    outlook = Outlook(found.next_change_at, found.next_segment) if found.next_change_at and found.next_segment else None
    lived = life.stays(changes, at), life.recency_line(ledger, at)
    timeline = Timeline(ledger, *lived, spend, at, outlook, model.window_days)
    then = personas(model)
    known = then | {segment: persona for segment, persona in present.items() if segment not in then}
    reasons = why(found, counted, ledger, model, at, money) if is_settled else None
    risks = queries.risks(connection, customer_id, at)
    return PastBiography(who, reasons, timeline, changes, risks, model, known)


def _profile(state: PastState, ledger: pd.DataFrame, model: SegmentModel, at: datetime) -> tuple[PastProfile, bool]:
    """The profile, and whether its segment follows from its numbers."""
    next_change_at, next_segment = None, None
    number = model.index.get(state.segment or "")
    # A customer who never bought has no segment, and that is right.
    is_settled = state.counts_from is None
    if number is not None and state.counts_from is not None:
        ahead = published_outlook(
            model,
            np.array([number]),
            np.array([to_micros(state.counts_from)]),
            to_micros(at),
            np.array([state.counted_frequency]),
            np.array([state.counted_gross_units]),
            np.array([state.counted_returned_units]),
        )
        is_settled = bool(ahead.fits[0])
        if ahead.next_change_at[0] != NEVER:
            next_change_at = from_micros(int(ahead.next_change_at[0]))
            next_segment = model.segments[int(ahead.next_segment[0])].id
        if is_settled and model.window_days is not None:
            for first in moves_ahead(model, ledger, at)[:1]:
                next_change_at, next_segment = first.at, model.segments[first.segment].id
    found = PastProfile(
        customer_id=state.customer_id,
        country=state.country,
        first_purchase_at=state.first_purchase_at,
        last_purchase_at=state.last_purchase_at,
        last_event_at=state.counts_from or at,
        frequency=state.frequency,
        gross=from_money_units(state.gross_units),
        returned=from_money_units(state.returned_units),
        segment=state.segment,
        segment_since=state.segment_since,
        model_version=model.version,
        next_change_at=next_change_at,
        next_segment=next_segment,
    )
    return found, is_settled
