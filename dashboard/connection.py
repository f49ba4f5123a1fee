"""What all sessions of the dashboard share: one connection pool, and what is known of the past."""

import streamlit as st
from sqlalchemy import Engine, make_url

from dashboard.queries.history import Memory
from data import database

CONNECT_TIMEOUT_SECONDS = 5


@st.cache_resource(show_spinner=False)
def engine(database_url: str) -> Engine:
    """The engine for a URL; nothing is connected until the first query, and no attempt outlasts five seconds.

    Raises
    ------
    sqlalchemy.exc.ArgumentError
        If the URL can't be read.
    """
    url = make_url(database_url)
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": str(CONNECT_TIMEOUT_SECONDS)})
    return database.engine(url.render_as_string(hide_password=False))


@st.cache_resource(show_spinner=False)
def memory(database_url: str) -> Memory:
    """What all sessions remember of a database's past."""
    return Memory()
