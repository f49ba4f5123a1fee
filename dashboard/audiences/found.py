"""Who is in an audience: found once for all sessions of a process, for each definition, and kept for some seconds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import scipy.special  # noqa: F401 - predictions need it; imported within the first one, it would slow that down
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.shared import refreshed
from dashboard.shared.caching import Answer, RefreshedAnswer
from dashboard.shared.page import Moment
from data.postgres.audience_members import AudienceMoment, AudienceTotals, FoundMembers, parts
from models.audience import AudienceDefinition
from models.audience_text import to_text
from models.rhythm.carried import rhythm_of
from models.units import Floats, Ints

ORDERS = ("stake", "spent", "newest", "silent")


@dataclass(frozen=True)
class FoundAudience:
    """The n members of an audience at a moment.

    Parameters
    ----------
    ids
        In their order, in UTF-8.
    spent, at_stake, last_at
        Shape (n,): net spend and money at stake in currency units, and the last order in microseconds.
    members
        All that is known of them, in the same order; None for the present, at which it is read for one page of them.
    """

    now: AudienceMoment
    ids: tuple[bytes, ...]
    spent: Floats
    at_stake: Floats
    last_at: Ints
    members: FoundMembers | None = None

    @cached_property
    def totals(self) -> AudienceTotals:
        """The sums; no money at stake without predictions."""
        stake = None if self.now.rhythm is None else float(self.at_stake.sum())
        return AudienceTotals(len(self.ids), float(self.spent.sum()), stake)

    @cached_property
    def _orders(self) -> dict[str, Ints]:
        return {}

    def places(self, order: str, begin: int, size: int) -> Ints:
        """The places of some members, in one of :data:`ORDERS`; those that are equal in it, in the order of ids."""
        if order not in self._orders:
            keys = {"stake": -self.at_stake, "spent": -self.spent, "newest": -self.last_at, "silent": self.last_at}
            self._orders[order] = np.argsort(keys[order], kind="stable")
        return self._orders[order][begin : begin + size]

    def page(self, order: str, begin: int, size: int) -> list[str]:
        """The ids of the same."""
        return [self.ids[place].decode() for place in self.places(order, begin, size).tolist()]


def read(engine: Engine, moment: Moment, definition: AudienceDefinition) -> Answer[FoundAudience]:
    """The members as of the page's moment or, where it takes seconds to find them, as of a somewhat earlier one."""

    def find_at(connection: Connection, at: datetime) -> FoundAudience:
        return find(connection, definition, AudienceMoment(at, rhythm_of(moment.model)))

    key = engine.url.render_as_string(hide_password=False)
    kept = _kept(key, moment.model.version, rhythm_version(moment), to_text(definition))
    return refreshed.read(engine, moment, kept, find_at)


def now_of(moment: Moment) -> AudienceMoment:
    """The page's moment, with the champion's predictions."""
    return AudienceMoment(moment.event_time, rhythm_of(moment.model))


def rhythm_version(moment: Moment) -> str:
    """The version of the champion's rhythm model; empty without one."""
    rhythm = rhythm_of(moment.model)
    return "" if rhythm is None else rhythm.version


def find(connection: Connection, definition: AudienceDefinition, now: AudienceMoment) -> FoundAudience:
    """All members at a moment."""
    return _joined(parts(connection, definition, now, with_rhythm=True), now)


def _joined(found: Iterable[FoundMembers], now: AudienceMoment) -> FoundAudience:
    ids: list[bytes] = []
    spent, stake, last = [np.zeros(0)], [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
    for part in found:
        rows = part.rows
        ids += [each.encode() for each in part.ids()]
        spent.append(part.customers.spent[rows])
        stake.append(np.zeros(len(rows)) if part.found is None else part.found.stake.money[rows])
        last.append(part.customers.histories.last_at[rows])
    return FoundAudience(now, tuple(ids), np.concatenate(spent), np.concatenate(stake), np.concatenate(last))


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept(database_url: str, model: str, rhythm: str, definition: str) -> RefreshedAnswer[FoundAudience]:
    return RefreshedAnswer()
