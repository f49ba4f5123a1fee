"""What all sessions of the dashboard share: one connection pool, and what is known of the past."""

from contextlib import suppress
from threading import Timer
from typing import NamedTuple

import streamlit as st
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from dashboard.shared.history import Memory
from dashboard.shared.ledger_memory import LedgerMemory
from dashboard.shared.reading import progress, reading
from data.postgres import database

CONNECT_TIMEOUT_SECONDS = 5
#: Name of the thread that reads a long past before somebody opens the page that needs it.
READ_AHEAD = "read-ahead"
READ_AHEAD_SECONDS = 3.0


class Memories(NamedTuple):
    """What all sessions remember of a database's past: its changes, and its ledger."""

    history: Memory
    ledger: LedgerMemory


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


def memory(engine: Engine) -> Memories:
    """What is remembered of the database behind an engine."""
    return _memories(engine.url.render_as_string(hide_password=False), engine)


@st.cache_resource(show_spinner=False)
def _memories(database_url: str, _engine: Engine) -> Memories:
    memories = Memories(Memory(), LedgerMemory())
    # Not at once: whoever opens the first page waits for another read.
    ahead = Timer(READ_AHEAD_SECONDS, _read_ahead, (_engine, memories))
    ahead.name, ahead.daemon = READ_AHEAD, True
    ahead.start()
    return memories


def _read_ahead(engine: Engine, memories: Memories) -> None:
    """The ledger takes a second to add up at a million transactions; pages do without this where it fails."""
    with suppress(SQLAlchemyError), reading(engine) as connection:
        now = progress(connection)
        if now.event_time is not None:
            memories.ledger.read(connection, now)
