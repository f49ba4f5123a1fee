"""The distributions of R, F and M: three scans of all customers, made once for all sessions of a process."""

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from dashboard.exploration import queries
from dashboard.shared.caching import Answer, RefreshedAnswer
from dashboard.shared.page import Moment
from dashboard.shared.reading import patient, progress, reading

#: A million customers take a second.
TIMEOUT_MS = 60_000


def read(engine: Engine, moment: Moment) -> Answer[pd.DataFrame]:
    """The bars as of the page's moment or, where they take long to count, as of a somewhat earlier one."""

    def ask() -> pd.DataFrame:
        with patient(moment.connection, TIMEOUT_MS):
            return queries.distributions(moment.connection, moment.model, moment.event_time)

    def ask_alone() -> Answer[pd.DataFrame]:
        with reading(engine, TIMEOUT_MS) as connection:
            now = progress(connection)
            # The stream had an event time already.
            return Answer(queries.distributions(connection, moment.model, now.event_time or moment.event_time), now)

    key = engine.url.render_as_string(hide_password=False)
    return _kept(key, moment.model.version).read(moment.progress, ask, ask_alone)


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept(database_url: str, model: str) -> RefreshedAnswer[pd.DataFrame]:
    return RefreshedAnswer()
