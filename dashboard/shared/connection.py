"""What all sessions of the dashboard share: one connection pool per database, and what is read in the background."""

from collections.abc import Callable
from contextlib import suppress
from threading import Timer

import streamlit as st
from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

from dashboard.shared.reading import StreamProgress, progress, reading
from data.postgres import database, masked_views

CONNECT_TIMEOUT_SECONDS = 5
#: Name of the masked sessions.
MASKED = "segue dashboard, masked"
#: Name of the thread that reads what a page needs before anyone opens that page.
READ_AHEAD = "read-ahead"
READ_AHEAD_SECONDS = 3.0


@st.cache_resource(show_spinner=False)
def engine(database_url: str) -> Engine:
    """The engine for a URL; nothing is connected until the first query, and no attempt outlasts five seconds.

    Raises
    ------
    sqlalchemy.exc.ArgumentError
        If the URL can't be parsed.
    """
    return _made(database_url, {})


@st.cache_resource(show_spinner=False)
def masked_engine(database_url: str) -> Engine:
    """The same for a user who sees masked ids; nothing can be read as a user who could see others.

    What pages keep belongs to the URL of an engine, and this one has a name of its own in its URL. So nothing that was
    read with ids is ever shown to somebody who may not see them.

    Raises
    ------
    sqlalchemy.exc.ArgumentError
        If the URL can't be parsed. Using the engine raises :class:`~data.postgres.masked_views.UnmaskedError`.
    """
    made = _made(database_url, {"application_name": MASKED})
    event.listen(made, "connect", lambda connection, _: masked_views.begin_session(connection))
    return made


def read_ahead(engine: Engine, read: Callable[[Connection, StreamProgress], object]) -> None:
    """Call ``read`` in the background, once per database, so that what it caches is there when a page needs it.

    It is called some seconds later, and only if there is an event time. If Postgres fails, nothing is cached, and the
    page reads for itself.
    """
    _start(engine.url.render_as_string(hide_password=False), f"{read.__module__}.{read.__qualname__}", engine, read)


@st.cache_resource(show_spinner=False)
def _start(
    database_url: str, name: str, _engine: Engine, _read: Callable[[Connection, StreamProgress], object]
) -> Timer:
    # Later: the page that is opened first has queries of its own.
    timer = Timer(READ_AHEAD_SECONDS, _read_now, (_engine, _read))
    timer.name, timer.daemon = READ_AHEAD, True
    timer.start()
    return timer


def _read_now(engine: Engine, read: Callable[[Connection, StreamProgress], object]) -> None:
    with suppress(SQLAlchemyError), reading(engine) as connection:
        now = progress(connection)
        if now.watermark is not None:
            read(connection, now)


def _made(database_url: str, more: dict[str, str]) -> Engine:
    url = make_url(database_url).update_query_dict(more)
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": str(CONNECT_TIMEOUT_SECONDS)})
    return database.engine(url.render_as_string(hide_password=False))
