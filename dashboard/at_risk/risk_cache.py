"""The list of customers at risk: computed once for all sessions of a process, for each database and model."""

import scipy.special  # noqa: F401 - predictions need it; imported within the first one, it would slow that down
import streamlit as st
from sqlalchemy import Engine

from dashboard.shared.caching import Answer, RefreshedAnswer
from dashboard.shared.page import Moment
from dashboard.shared.reading import patient, progress, reading
from dashboard.shared.risk_list import RiskList, risk_list
from data.postgres.people import everybody
from models.rhythm.rhythm_model import RhythmModel

#: A million customers take seconds.
TIMEOUT_MS = 60_000


def read(engine: Engine, moment: Moment, rhythm: RhythmModel) -> Answer[RiskList]:
    """The list as of the page's moment or, where it takes seconds to compute, as of a somewhat earlier one."""

    def ask() -> RiskList:
        with patient(moment.connection, TIMEOUT_MS):
            return risk_list(everybody(moment.connection), rhythm, moment.event_time)

    def ask_alone() -> Answer[RiskList]:
        with reading(engine, TIMEOUT_MS) as connection:
            now = progress(connection)
            # The stream had an event time already.
            at = now.event_time or moment.event_time
            return Answer(risk_list(everybody(connection), rhythm, at), now)

    key = engine.url.render_as_string(hide_password=False)
    return _kept(key, moment.model.version, rhythm.version).read(moment.progress, ask, ask_alone)


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept(database_url: str, model: str, rhythm: str) -> RefreshedAnswer[RiskList]:
    return RefreshedAnswer()
