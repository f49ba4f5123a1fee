"""The frame of a page: it reads Postgres at one moment, draws, and explains itself if there is nothing to draw."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import streamlit as st
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from streamlit.delta_generator import DeltaGenerator

from dashboard.shared import as_of, elements, reading, trouble
from dashboard.shared.personas import Personas, personas
from dashboard.shared.reading import StreamProgress
from dashboard.shared.trouble import Trouble
from data.postgres.past_moments import PastError
from models.segment_model import ModelError, SegmentModel
from runtime.money import Money

RETRY_SECONDS = 5
# Key of the reader's session: the pages that they have seen.
SEEN = "pages_seen"


@dataclass(frozen=True)
class Moment:
    """What a page is drawn from: a connection that sees one moment, the champion, and the stream's progress.

    ``money`` writes amounts in the stream's currency. ``as_of`` is the past day that the reader has chosen, on this
    page or on another one; None for the present. Links to other pages carry it.
    """

    connection: Connection
    model: SegmentModel
    personas: Personas
    progress: StreamProgress
    event_time: datetime
    money: Money
    as_of: datetime | None = None


Draw = Callable[[Moment], None]


def show(
    engine: Engine,
    money: Money,
    title: str,
    subtitle: str,
    draw: Draw,
    refresh_seconds: float | None = None,
    *,
    has_past: bool = False,
) -> None:
    """Draw a page: its heading and what ``draw`` adds, or an explanation of why there is nothing to show.

    Parameters
    ----------
    money
        How amounts are written; if the stream has another currency, it replaces this one.
    draw
        Called inside one read-only database transaction, only if a champion and an event time exist. Its errors of
        Postgres are explained on the page, too.
    refresh_seconds
        How often the page refreshes by itself; None for never.
    has_past
        Whether ``draw`` can show a past day (``as_of`` of the moment), and raises ``PastError`` for one that it can't.
        Another page says that it shows now.
    """

    def drawn() -> None:
        state = _draw(engine, money, title, subtitle, draw, has_past)
        if state is not None:
            _wait(state)

    st.fragment(drawn, run_every=refresh_seconds)()


def note_if(text: str) -> None:
    """A quiet line, unless the text is empty."""
    if text:
        st.html(elements.note(text))


def html_or_place(text: str) -> None:
    """HTML; an empty text keeps its place, so that the elements below keep theirs from one refresh to the next."""
    st.html(text) if text else st.empty()


def opening(title: str, subtitle: str) -> DeltaGenerator | None:
    """A heading that says "Reading …" until the caller replaces it.

    Only for the first visit to a page; later ones are quick, and the heading would flicker: None.
    """
    seen: set[str] = st.session_state.setdefault(SEEN, set())
    if title in seen:
        return None
    seen.add(title)
    return st.html(elements.opening(title, subtitle))


def number(key: str, pages: int, chosen_by: object) -> int:
    """The page number chosen in a pagination control; 1 if there are no longer that many pages, or another list.

    ``chosen_by`` are the filters and the order that the reader has chosen: if they differ, so does the list.
    """
    of = f"{key}_of"
    if st.session_state.get(of, chosen_by) != chosen_by:
        st.session_state[key] = 1
    st.session_state[of] = chosen_by
    chosen: int = st.session_state.get(key, 1)
    return chosen if chosen <= pages else 1


def _draw(engine: Engine, money: Money, title: str, subtitle: str, draw: Draw, has_past: bool) -> Trouble | None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        head, beside = st.container(), st.container(width="content")
    with head:
        place = opening(title, subtitle)
    try:
        with reading.reading(engine) as connection:
            found = _moment(connection, money)
            if isinstance(found, Moment):
                with beside:
                    chosen = as_of.control(connection, title, found.event_time) if has_past else as_of.Choice()
                heading = elements.heading(title, subtitle, found.progress, chosen.at)
                place = head.html(heading) if place is None else place.html(heading)
                as_of.say_refused(chosen.refused)
                if has_past:
                    _draw_at(chosen.at, found, draw)
                else:
                    draw(replace(found, as_of=as_of.shows_now(title, found.event_time)))
                return None
    except (SQLAlchemyError, ModelError) as error:
        found = trouble.from_error(error, engine.url)
    if place is not None:
        place.empty()
    return found


def _draw_at(at: datetime | None, moment: Moment, draw: Draw) -> None:
    if at is None:
        draw(moment)
        return
    as_of.banner(at, moment.event_time)
    try:
        draw(replace(moment, as_of=at))
    except PastError as error:
        st.html(elements.empty(f"This day can't be shown: {error}."))


def _moment(connection: Connection, money: Money) -> Moment | Trouble:
    model = reading.champion(connection)
    progress = reading.progress(connection)
    if model is None:
        return trouble.no_model(progress.transactions)
    if progress.watermark is None:
        return trouble.no_event_time(progress.silent, progress.partitions)
    return Moment(connection, model, personas(model), progress, progress.watermark, money.of(progress.currency))


def _wait(state: Trouble) -> None:
    """Show the state; the whole page is tried again every few seconds."""
    shown = False

    @st.fragment(run_every=RETRY_SECONDS)
    def waiting() -> None:
        nonlocal shown
        if shown:
            st.rerun()
        shown = True
        st.html(elements.trouble(state))

    waiting()
