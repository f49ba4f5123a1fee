"""Predicted against actual at a moment: computed once for each event day, and kept for all sessions of a process.

The moment is a midnight of event time, so what is compared can't change any more, except by a late, revised or
forgotten order. These are counted, so a changed count makes it be computed again.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.shared import refreshed
from dashboard.shared.caching import Answer, KeptAnswers, RefreshedAnswer, is_closed, per_database
from dashboard.shared.flows import midnight
from dashboard.shared.page import Moment
from dashboard.shared.reading import StreamProgress, patient, progress
from data.postgres.past_customers import past_customers, rhythm_periods
from models.rhythm.checked_model import (
    PREFERRED_DAYS,
    CheckedModel,
    RhythmPeriod,
    active_at,
    checked_models,
    first_check,
)
from models.rhythm.prediction_check import PredictionCheck, check_past
from models.rhythm.rhythm_model import RhythmModel
from models.units import from_micros, to_micros

#: How many moments a process keeps; each takes a kilobyte.
MOST_KEPT = 50


@dataclass(frozen=True)
class Compared:
    """A model's predictions and what happened."""

    model: CheckedModel
    check: PredictionCheck


@dataclass(frozen=True)
class Checked:
    """What can be said at a moment of how right predictions are.

    Parameters
    ----------
    end
        The midnight up to which orders count.
    compared
        None if there is nothing to compare yet.
    is_active
        Whether the rhythm model that the page shows is active on all partitions.
    comparable_from
        When its predictions can be compared for the first time; None if it is not active, or does not say which orders
        it has seen.
    """

    end: datetime
    compared: Compared | None
    is_active: bool
    comparable_from: datetime | None


class CheckCache:
    """The comparisons at the last moments that were asked for, of one database."""

    def __init__(self) -> None:
        self._kept: KeptAnswers[Checked] = KeptAnswers(MOST_KEPT)

    def read(self, connection: Connection, now: StreamProgress, at: datetime, shown: RhythmModel) -> Checked:
        """The comparison at the last midnight by a moment, beside the predictions of the rhythm model ``shown``.

        ``now`` must have been read on the same connection.
        """
        end = midnight(at)
        periods = rhythm_periods(connection, end - timedelta(days=PREFERRED_DAYS[0]), at)
        active = active_at(periods, to_micros(at))
        key = (end, shown.version, _name(active), *map(_name, periods))
        return self._kept.read(
            key,
            now,
            lambda before: is_closed(before, now, end),
            lambda: _compare(connection, periods, end, active, shown),
        )


def new_cache() -> CheckCache:
    """An empty cache for one database."""
    return CheckCache()


def at_event_time(engine: Engine, moment: Moment, shown: RhythmModel) -> Answer[Checked]:
    """The comparison at the page's moment or, where it takes seconds to compute, at a somewhat earlier one."""
    cache = per_database(engine, new_cache)

    def compute(connection: Connection, at: datetime) -> Checked:
        return cache.read(connection, progress(connection), at, shown)

    key = engine.url.render_as_string(hide_password=False)
    return refreshed.read(engine, moment, _kept(key, moment.model.version), compute)


def at_past_day(moment: Moment, at: datetime, shown: RhythmModel) -> Checked:
    """The comparison at a past moment, as far as the ledger knows it now."""
    with patient(moment.connection, refreshed.TIMEOUT_MS):
        cache = per_database(moment.connection.engine, new_cache)
        return cache.read(moment.connection, moment.progress, at, shown)


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept(database_url: str, model: str) -> RefreshedAnswer[Checked]:
    return RefreshedAnswer()


def _name(period: RhythmPeriod | None) -> Hashable:
    """What makes a period differ from others."""
    return None if period is None else (period.model_version, period.rhythm.version, period.since, period.until)


def _compare(
    connection: Connection,
    periods: list[RhythmPeriod],
    end: datetime,
    active: RhythmPeriod | None,
    shown: RhythmModel,
) -> Checked:
    is_active = active is not None and active.rhythm.version == shown.version
    first = first_check(active) if active is not None and is_active else None
    found = Checked(end, None, is_active, None if first is None else from_micros(first))
    for model in checked_models(periods, to_micros(end), shown):
        past = past_customers(connection, from_micros(model.begin), end)
        # A stream that is younger than the days has no customers at their begin.
        if len(past.ordered):
            check = check_past(model.rhythm, past, model.begin, model.days)
            return replace(found, compared=Compared(model, check))
    return found
