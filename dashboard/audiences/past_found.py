"""Who was in an audience as of a past day: all of its customers are read once, and each definition only chooses."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from dashboard.audiences import past_members
from dashboard.audiences.found import FoundAudience
from dashboard.shared import past
from dashboard.shared.caching import KeyedAnswer
from dashboard.shared.page import Moment
from dashboard.shared.past import Past
from dashboard.shared.reading import patient
from data.postgres import audience_members
from data.postgres.audience_filters import past_moves
from data.postgres.audience_members import AudienceMoment, FoundMembers
from data.postgres.frames import copied
from data.postgres.past_moments import PastError
from data.postgres.tables import segment_changes
from models.audience import AudienceDefinition, in_risk
from models.audience_text import to_text
from models.segment_model import SegmentModel


@dataclass(frozen=True, eq=False)
class PastEverybody:
    """All customers who were in a segment at a past moment.

    Parameters
    ----------
    model
        The one that was active.
    states
        Their n rows of :func:`data.postgres.past_states.past_states`.
    """

    past: Past
    now: AudienceMoment
    model: SegmentModel
    states: pd.DataFrame

    @cached_property
    def members(self) -> FoundMembers:
        """All n of them, with stays, and with rhythms if the model had predictions."""
        return audience_members.of_everybody(*past_members.customers_and_stays(self.states), self.now)

    @cached_property
    def _answer(self) -> KeyedAnswer[FoundAudience]:
        """The last definition that was asked for, which every refresh of a page needs again."""
        return KeyedAnswer()

    def find(self, connection: Connection, definition: AudienceDefinition) -> FoundAudience:
        """Who of them was in an audience.

        Raises
        ------
        PastError
            If what the definition asks for is not known of the moment.
        """
        audience_members.require(definition, self.now)
        return self._answer.read(to_text(definition), lambda: self._found(connection, definition))

    def _found(self, connection: Connection, definition: AudienceDefinition) -> FoundAudience:
        with patient(connection, past.TIMEOUT_MS):
            movers = _movers(connection, definition, self.now.event_time)
        inside, known = past_members.passing(self.states, definition, movers), self.members
        customers, own = known.customers, known.found
        stake = np.zeros(len(inside)) if own is None else own.stake.money
        if own is not None:
            inside &= in_risk(definition, own.state, stake)
        rows = np.flatnonzero(inside)
        members = FoundMembers(customers, rows, own, known.stays)
        ids = tuple(each.encode() for each in members.ids())
        return FoundAudience(
            self.now, ids, customers.spent[rows], stake[rows], customers.histories.last_at[rows], members
        )


def read(moment: Moment, at: datetime) -> PastEverybody:
    """All customers at a past moment, computed once.

    Raises
    ------
    PastError
        If audiences can't be shown as of the moment, or there was no model yet.
    """
    found = past.customers_at(moment, at)
    if PastEverybody not in found.derived:
        found.derived[PastEverybody] = everybody(moment.connection, found)
    answer: PastEverybody = found.derived[PastEverybody]
    return answer


def everybody(connection: Connection, found: Past) -> PastEverybody:
    """The same, computed anew."""
    with patient(connection, past.TIMEOUT_MS):
        now = audience_members.moment(connection, found.at)
    model = None if now.past is None else now.past.model
    if model is None:
        raise PastError("there was no model yet, or no customer had ordered")
    states = found.states[found.states["segment"].notna()].reset_index(drop=True)
    return PastEverybody(found, now, model, states)


def _movers(connection: Connection, definition: AudienceDefinition, at: datetime) -> "pd.Series[str] | None":
    """All customers who had moved by a moment as a definition asks for; None if it does not ask."""
    if not definition.asks_for_moves:
        return None
    column = segment_changes.c.customer_id
    query = select(column).where(*past_moves(definition, at)).distinct()
    return copied(connection, query, {column.name: "str"})[column.name]
