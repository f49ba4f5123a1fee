"""What all pages share: one reading of Postgres at one moment, and a designed state where there is nothing to draw."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import streamlit as st
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from streamlit.delta_generator import DeltaGenerator

from dashboard.shared import elements, reading, trouble
from dashboard.shared.personas import Personas, personas
from dashboard.shared.reading import StreamProgress
from dashboard.shared.trouble import Trouble
from models.segment_model import ModelError, SegmentModel

RETRY_SECONDS = 5
# Key of the reader's session: the pages that they have seen.
SEEN = "pages_seen"


@dataclass(frozen=True)
class Moment:
    """What a page has to draw from: a connection that sees one moment, the champion, and how far the stream is."""

    connection: Connection
    model: SegmentModel
    personas: Personas
    progress: StreamProgress


Draw = Callable[[Moment], None]


def show(engine: Engine, title: str, note: str, draw: Draw, refresh_seconds: float | None = None) -> None:
    """A page: its heading, and what ``draw`` makes of this moment; or in words why there is nothing to see.

    Parameters
    ----------
    draw
        Is called inside one read-only transaction, only where a champion and an event time exist. What goes wrong
        with Postgres in it ends in words too.
    refresh_seconds
        How often the page draws itself anew without being touched; None for never.
    """

    def drawn() -> None:
        state = _draw(engine, title, note, draw)
        if state is not None:
            _wait(state)

    st.fragment(drawn, run_every=refresh_seconds)()


def say_if(text: str) -> None:
    """A quiet line where there is something to say."""
    if text:
        st.html(f'<div class="sg-note">{escape(text)}</div>')


def opening(title: str, note: str) -> DeltaGenerator | None:
    """A heading that says that the page is being read, until its reader puts something else in its place.

    Only where somebody sees the page for the first time: None afterwards, when it is quick, and would flicker.
    """
    seen: set[str] = st.session_state.setdefault(SEEN, set())
    if title in seen:
        return None
    seen.add(title)
    return st.html(elements.opening(title, note))


def number(key: str, pages: int) -> int:
    """The page that a pagination below shows next; the first one where there are no longer so many."""
    chosen: int = st.session_state.get(key, 1)
    return chosen if chosen <= pages else 1


def _draw(engine: Engine, title: str, note: str, draw: Draw) -> Trouble | None:
    place = opening(title, note)
    try:
        with reading.reading(engine) as connection:
            found = _moment(connection)
            if isinstance(found, Moment):
                heading = elements.heading(title, note, found.progress)
                place = st.html(heading) if place is None else place.html(heading)
                draw(found)
                return None
    except (SQLAlchemyError, ModelError) as error:
        found = trouble.of(error, engine.url)
    if place is not None:
        place.empty()
    return found


def _moment(connection: Connection) -> Moment | Trouble:
    model = reading.champion(connection)
    if model is None:
        return trouble.NO_MODEL
    progress = reading.progress(connection)
    if progress.event_time is None:
        return trouble.no_event_time(progress.silent, progress.partitions)
    return Moment(connection, model, personas(model), progress)


def _wait(state: Trouble) -> None:
    """The trouble in words; the whole page is tried again every few seconds."""
    said = False

    @st.fragment(run_every=RETRY_SECONDS)
    def waiting() -> None:
        nonlocal said
        if said:
            st.rerun()
        said = True
        st.html(elements.trouble(state))

    waiting()
