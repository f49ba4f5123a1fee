"""The operations page: is the stream well, how far is the replay, and what was set aside.

With ``--operator`` it has buttons as well; without, they are not there at all.
"""

from collections.abc import Callable

import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from dashboard.pages.operations import actions, queries
from dashboard.pages.operations import markup as own
from dashboard.pages.operations.queries import Letter, StreamStatus
from dashboard.shared import elements, page, replay_markup, trouble
from dashboard.shared.reading import reading
from data.kafka.log import LogError
from data.kafka.record_writer import WriteError
from data.postgres import replay_control
from data.postgres.replay_control import ReplayControlError

REFRESH_SECONDS, LETTERS_SECONDS = 2, 5
PAGE = 10
MOST_PAGES = 10_000
SPEEDS = ("1h/s", "12h/s", "1d/s", "7d/s", "30d/s", "max")
NOTE = "Partitions, the running replay, and records that could not be used."
READ_ONLY = "Start the dashboard with `--operator` to pause a replay or to put dead letters back from here."
NO_WORKER = "No worker has claimed a partition yet: start one with <code>segue worker</code>."
# Keys of the reader's session.
LAST_KNOWN, REASON, PAGE_NUMBER, SPEED = "operations_last", "operations_reason", "operations_page", "operations_speed"


def show(engine: Engine) -> None:
    """The page; its upper part draws itself anew every two seconds, the dead letters every five."""
    st.fragment(lambda: _upper(engine), run_every=REFRESH_SECONDS)()
    st.fragment(lambda: _dead_letters(engine), run_every=LETTERS_SECONDS)()


def _upper(engine: Engine) -> None:
    opening = page.opening("Operations", NOTE) or st.empty()
    try:
        with reading(engine) as connection:
            standing = queries.standing(connection)
    except SQLAlchemyError as error:
        opening.empty()
        _trouble(trouble.of(error, engine.url))
        return
    opening.empty()
    st.session_state[LAST_KNOWN] = standing
    _standing(standing)


def _trouble(state: trouble.Trouble) -> None:
    known: StreamStatus | None = st.session_state.get(LAST_KNOWN)
    if known is None:
        st.html(elements.trouble(state))
    else:
        st.html(elements.banner(state))
        _standing(known)


def _standing(standing: StreamStatus) -> None:
    st.html(elements.heading("Operations", NOTE, standing.progress))
    st.html(own.totals(standing))
    st.html(elements.title("Replay"))
    st.html(replay_markup.replay(standing.replay))
    if actions.present():
        _controls(standing)
    st.html(elements.title("Partitions", "A partition's offset and event time are what Postgres has, committed."))
    if standing.partitions.empty:
        st.html(f'<div class="sg-note">{NO_WORKER}</div>')
    else:
        st.html(own.partitions(standing.partitions, standing.model))


def _controls(standing: StreamStatus) -> None:
    row = standing.replay
    running = row is not None and replay_control.alive(row) and row.state in replay_control.CONTROLLABLE
    paused = running and row is not None and row.wanted_paused
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if paused:
            _button("Resume", "play_arrow", actions.resume)
        else:
            _button("Pause", "pause", actions.pause, disabled=not running)
        st.selectbox(
            "Speed: event time per second",
            SPEEDS,
            index=SPEEDS.index("1d/s"),
            key=SPEED,
            persist_state="session",
            width=220,
            disabled=not running,
        )
        _button("Set speed", "speed", lambda: actions.set_speed(st.session_state[SPEED]), disabled=not running)


def _button(label: str, icon: str, act: Callable[[], str], disabled: bool = False, key: str | None = None) -> None:
    # As a callback it is done before the page is drawn anew, which then shows what has come of it.
    name = key or f"operations_do_{icon}"
    st.button(label, icon=f":material/{icon}:", key=name, disabled=disabled, on_click=_do, args=(act,))


def _do(act: Callable[[], str]) -> None:
    try:
        st.toast(act(), icon=":material/check:")
    except (ReplayControlError, LookupError, LogError, WriteError, ValueError) as error:
        st.toast(f"Not done: {error}", icon=":material/error:")
    except SQLAlchemyError as error:
        st.toast(f"Not done: {trouble.of(error, actions.engine().url).title}", icon=":material/error:")


def _dead_letters(engine: Engine) -> None:
    try:
        with reading(engine) as connection:
            reasons = queries.reasons(connection)
            counts = dict(zip(reasons["reason"], reasons["waiting"] + reasons["retried"], strict=True))
            if not counts:
                st.html(elements.title("Dead letters", "None: every record could be used."))
                return
            st.html(elements.title("Dead letters", "Records that could not be used, with their original bytes."))
            reason, number = _choice(counts)
            letters = queries.letters(connection, reason, number * PAGE, PAGE)
    except SQLAlchemyError as error:
        # The upper part says at length what to do.
        st.html(elements.title("Dead letters", f"{trouble.of(error, engine.url).title}; they come back by themselves."))
        return
    for item in letters:
        _letter(item)
    if not actions.present():
        st.caption(READ_ONLY)


def _choice(counts: dict[str, int]) -> tuple[str | None, int]:
    everything = sum(counts.values())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        reason = st.selectbox(
            "Reason",
            [None, *counts],
            format_func=lambda each: (
                f"Any reason ({everything:,})" if each is None else f"{own.clipped(each, 120)} ({counts[each]:,})"
            ),
            key=REASON,
            persist_state="session",
        )
        number = everything if reason is None else counts[reason]
        pages = min(max(-(-number // PAGE), 1), MOST_PAGES)
        if st.session_state.get(PAGE_NUMBER, 1) > pages:
            st.session_state[PAGE_NUMBER] = 1
        page = st.number_input(f"Page of {pages:,}", 1, pages, key=PAGE_NUMBER, persist_state="session", width=160)
    return reason, int(page) - 1


def _letter(item: Letter) -> None:
    if not actions.present():
        st.html(own.letter(item))
        return
    with st.container(horizontal=True, vertical_alignment="top"):
        st.html(own.letter(item))
        place = (item.log_id, item.partition, item.offset)
        _button("Retry", "replay", lambda: actions.put_back(*place), key=f"operations_retry_{place}")
