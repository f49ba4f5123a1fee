"""The past day that a reader looks at: one choice for all pages, its control, and what pages say about it.

The choice is a part of the URL and of the reader's session, so that it stays when they go to another page. Links carry
it, because a link opens a new session.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime

import streamlit as st
from sqlalchemy import Connection, func, select

from dashboard.shared import style
from data.postgres.tables import segment_changes

#: Key of the session state, and URL parameter, of all pages.
AS_OF = "as_of"
LABEL = "As of a past day (00:00 UTC)"
BACK = "Back to now"


def control(connection: Connection, event_time: datetime) -> datetime | None:
    """The control of the day to show; None for the present."""
    s = segment_changes.c
    first = connection.execute(select(func.min(s.effective_at))).scalar_one() or event_time
    chosen: date | None = st.date_input(
        LABEL,
        None,
        min_value=first.astimezone(UTC).date(),
        max_value=event_time.astimezone(UTC).date(),
        format="YYYY-MM-DD",
        key=AS_OF,
        bind="query-params",
        width=260,
    )
    return None if chosen is None else _first_moment(chosen)


def chosen(event_time: datetime | None) -> datetime | None:
    """The day that was chosen on another page, for a page without the control; None for the present."""
    day = _day(st.query_params.get(AS_OF)) or _day(st.session_state.get(AS_OF))
    at = None if day is None else _first_moment(day)
    return None if at is None or event_time is None or at > event_time else at


def banner(at: datetime, event_time: datetime) -> None:
    """Say that the page shows a past moment, with a way back."""
    text = (
        f"<b>As of {style.stamp(at)} (UTC).</b> This page shows a past moment; the stream has reached "
        f"{style.stamp(event_time)}. Segments are as they were published then; recency, purchases and spend are of the "
        "orders that happened by then."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<div class="sg-banner" role="status" data-as-of="{at.isoformat()}">{text}</div>')
        _way_back(_clear_control)


def shows_now(event_time: datetime | None) -> datetime | None:
    """Say so on a page that can't show the chosen day, which stays chosen; returns the day."""
    at = chosen(event_time)
    if at is None:
        return None
    # The address of this page keeps the day, and so does the session, for the pages that have the control.
    if st.query_params.get(AS_OF) != f"{at:%Y-%m-%d}":
        st.query_params[AS_OF] = f"{at:%Y-%m-%d}"
    if st.session_state.get(AS_OF) != at.date():
        st.session_state[AS_OF] = at.date()
    text = f"This page shows now, not {at.day} {at:%B %Y}."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<div class="sg-note" role="status" data-shows-now>{text}</div>', width="content")
        _way_back(_clear)
    return at


def _way_back(clear: Callable[[], None]) -> None:
    st.button(BACK, key="as_of_back", type="tertiary", icon=":material/update:", on_click=clear)


def _clear_control() -> None:
    # The control's part of the URL follows it.
    st.session_state[AS_OF] = None


def _clear() -> None:
    st.session_state[AS_OF] = None
    if AS_OF in st.query_params:
        del st.query_params[AS_OF]


def _day(value: object) -> date | None:
    if not isinstance(value, str):
        return value if isinstance(value, date) else None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _first_moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
