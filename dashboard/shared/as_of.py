"""The past day that a reader looks at: one choice for all pages, its control, and what pages say about it.

The choice is a part of the URL and of the reader's session. Links carry it, because a link opens a new session. The
session has it for a page that is opened from the menu, whose URL has no choices at first. On a page that is open
already, the URL alone decides, so that the browser's way back works. (A control that Streamlit binds to the URL could
not do this: its value on one page is dropped when the reader goes back from another one that has the same control.)
"""

from datetime import UTC, date, datetime
from typing import NamedTuple

import streamlit as st
from sqlalchemy import Connection, func, select

from dashboard.shared import style
from dashboard.shared.literal import escape
from data.postgres.tables import segment_changes

#: Key of the control in the session state, and URL parameter, of all pages.
AS_OF = "as_of"
# Keys of the session state: the chosen day, and the page that was drawn last.
DAY, PAGE = "as_of_day", "as_of_page"
LABEL = "As of a past day (00:00 UTC)"
BACK, NOW_EVERYWHERE = "Back to now", "Show now on all pages"
_MOST_CHARACTERS = 40


class Choice(NamedTuple):
    """The moment to show, or None for the present; ``refused`` is HTML that says why a chosen day can't be shown."""

    at: datetime | None = None
    refused: str = ""


def control(connection: Connection, page: str, event_time: datetime) -> Choice:
    """The control of the day to show on a page, and what is chosen."""
    s = segment_changes.c
    earliest = connection.execute(select(func.min(s.effective_at))).scalar_one() or event_time
    first, last = (moment.astimezone(UTC).date() for moment in (earliest, event_time))
    day, refused = _chosen(page, first, last)
    if st.session_state.get(AS_OF) != day:
        st.session_state[AS_OF] = day
    st.date_input(
        LABEL, None, min_value=first, max_value=last, format="YYYY-MM-DD", key=AS_OF, on_change=_choose, width=260
    )
    return Choice(None if day is None else _first_moment(day), refused)


def say_refused(refused: str) -> None:
    """Say that the page shows now, because the chosen day can't be shown; nothing if none was refused."""
    if refused:
        st.html(f'<div class="sg-banner" role="status" data-refused-day>{refused} This page shows now.</div>')


def banner(at: datetime, event_time: datetime) -> None:
    """Say that the page shows a past moment, with a way back."""
    text = (
        f"<b>As of {style.stamp(at)} (UTC).</b> This page shows a past moment; the stream has reached "
        f"{style.stamp(event_time)}. Segments are as they were published then; recency, purchases and spend are of the "
        "orders that happened by then."
    )
    said, back = st.columns([7, 1], vertical_alignment="center")
    said.html(f'<div class="sg-banner" role="status" data-as-of="{at.isoformat()}">{text}</div>')
    with back:
        _way_back(BACK)


def shows_now(page: str, event_time: datetime | None) -> datetime | None:
    """Say so on a page that can't show the chosen day, which stays chosen; returns the day."""
    if event_time is None:
        return None
    day, refused = _chosen(page, date.min, event_time.astimezone(UTC).date())
    say_refused(refused)
    if day is None:
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        text = f"This page shows now, not {_named(day)}."
        st.html(f'<div class="sg-note" role="status" data-shows-now>{text}</div>', width="content")
        _way_back(NOW_EVERYWHERE)
    return _first_moment(day)


def _chosen(page: str, first: date, last: date) -> tuple[date | None, str]:
    """The day that is chosen, if it is one that has passed, or why it can't be shown.

    A day that can be shown is kept for other pages, and in the URL. One that can't stays in the URL, so that each run
    of the page says so.
    """
    in_url = st.query_params.get(AS_OF)
    is_open_already = st.session_state.get(PAGE) == page
    st.session_state[PAGE] = page
    kept: date | None = st.session_state.get(DAY)
    if in_url is None and not is_open_already and kept is not None:
        in_url = kept.isoformat()
    if not in_url:
        _keep(None)
        return None, ""
    day = _parsed(in_url)
    refused = _why_refused(in_url, day, first, last)
    if refused:
        st.session_state[DAY] = None
        _put_in_url(in_url)
        return None, refused
    _keep(day)
    return day, ""


def _why_refused(text: str, day: date | None, first: date, last: date) -> str:
    """Why a day can't be shown, as HTML; "" if it can."""
    if day is None:
        shown = text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
        return f"<b>“{escape(shown)}” in the address is no day</b> of the form 2011-06-01."
    if day > last:
        return f"<b>{_named(day)} can't be shown</b>: the stream has reached {_named(last)}."
    if day < first:
        return f"<b>{_named(day)} can't be shown</b>: the known history begins on {_named(first)}."
    return ""


def _named(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def _keep(day: date | None) -> None:
    st.session_state[DAY] = day
    if day is None:
        if AS_OF in st.query_params:
            del st.query_params[AS_OF]
    else:
        _put_in_url(day.isoformat())


def _put_in_url(text: str) -> None:
    if st.query_params.get(AS_OF) != text:
        st.query_params[AS_OF] = text


def _choose() -> None:
    _keep(st.session_state[AS_OF])


def _way_back(label: str) -> None:
    st.button(label, key="as_of_back", type="tertiary", icon=":material/update:", on_click=_keep, args=(None,))


def _parsed(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None


def _first_moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
