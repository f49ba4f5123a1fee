"""The distributions of R, F and M: three scans of all customers, made once for all sessions of a process."""

from datetime import datetime

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.exploration import queries
from dashboard.shared import refreshed
from dashboard.shared.caching import Answer, RefreshedAnswer
from dashboard.shared.page import Moment


def read(engine: Engine, moment: Moment) -> Answer[pd.DataFrame]:
    """The bars as of the page's moment or, where they take long to count, as of a somewhat earlier one."""

    def count(connection: Connection, at: datetime) -> pd.DataFrame:
        return queries.distributions(connection, moment.model, at)

    key = engine.url.render_as_string(hide_password=False)
    return refreshed.read(engine, moment, _kept(key, moment.model.version), count)


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept(database_url: str, model: str) -> RefreshedAnswer[pd.DataFrame]:
    return RefreshedAnswer()
