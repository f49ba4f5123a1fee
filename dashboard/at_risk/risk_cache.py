"""The list of customers at risk: computed once for all sessions of a process, for each database and model."""

from datetime import datetime

import scipy.special  # noqa: F401 - predictions need it; imported within the first one, it would slow that down
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.shared import refreshed
from dashboard.shared.caching import Answer, RefreshedAnswer
from dashboard.shared.page import Moment
from dashboard.shared.risk_list import RiskList, risk_list
from data.postgres.customer_columns import all_customers
from models.rhythm.rhythm_model import RhythmModel


def read(engine: Engine, moment: Moment, rhythm: RhythmModel) -> Answer[RiskList]:
    """The list as of the page's moment or, where it takes seconds to compute, as of a somewhat earlier one."""

    def compute(connection: Connection, at: datetime) -> RiskList:
        return risk_list(all_customers(connection), rhythm, at)

    key = engine.url.render_as_string(hide_password=False)
    return refreshed.read(engine, moment, _kept(key, moment.model.version, rhythm.version), compute)


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept(database_url: str, model: str, rhythm: str) -> RefreshedAnswer[RiskList]:
    return RefreshedAnswer()
