"""The operations page: partitions, the replay, alerts and dead letters.

Its buttons exist only if the dashboard was started with ``--operator``.
"""

from collections.abc import Callable

import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from dashboard.operations import actions, alerts, markup, queries
from dashboard.operations.queries import DeadLetterPreview, StreamStatus
from dashboard.shared import access, acts, as_of, elements, page, replay_markup, trouble
from dashboard.shared.reading import reading
from data.postgres import replay_control
from producers.pace import Speed
from runtime.money import Money
from runtime.readable import visible

REFRESH_SECONDS, LETTERS_SECONDS = 2, 5
PAGE = 10
MOST_PAGES = 10_000
SPEEDS = ("1h/s", "12h/s", "1d/s", "7d/s", "30d/s", "max")
SUBTITLE = "Partitions, the running replay, and dead letters."
READ_ONLY = "Start the dashboard with `--operator` to pause a replay or to retry dead letters here."
NOT_AN_OPERATOR = "Operators can pause a replay and retry dead letters here."
NO_WORKER = "No worker has claimed a partition yet: start one with <code>segue worker</code>."
# Keys of the session state.
LAST_KNOWN, REASON, PAGE_NUMBER, SPEED = "operations_last", "operations_reason", "operations_page", "operations_speed"


def show(engine: Engine, money: Money) -> None:
    """Draw the page; its upper part refreshes every two seconds, the dead letters every five."""
    st.fragment(lambda: _upper(engine, money), run_every=REFRESH_SECONDS)()
    st.fragment(lambda: _dead_letters(engine), run_every=LETTERS_SECONDS)()


def _upper(engine: Engine, money: Money) -> None:
    opening = page.opening("Operations", SUBTITLE) or st.empty()
    try:
        with reading(engine) as connection:
            status = queries.status(connection)
    except SQLAlchemyError as error:
        opening.empty()
        _draw_trouble(trouble.from_error(error, engine.url), money)
        return
    opening.empty()
    st.session_state[LAST_KNOWN] = status
    _draw(status, money)


def _draw_trouble(state: trouble.Trouble, money: Money) -> None:
    known: StreamStatus | None = st.session_state.get(LAST_KNOWN)
    if known is None:
        st.html(elements.trouble(state))
    else:
        st.html(elements.banner(state))
        _draw(known, money)


def _draw(status: StreamStatus, money: Money) -> None:
    acts.report()
    st.html(elements.heading("Operations", SUBTITLE, status.progress))
    as_of.shows_now("Operations", status.progress.watermark)
    if status.log_faults:
        st.html(markup.faults_of_the_log(status.log_faults))
    st.html(markup.totals(status))
    st.html(elements.title("Replay"))
    st.html(replay_markup.replay(status.replay))
    if acts.allowed():
        _controls(status)
    st.html(elements.title("Partitions", "Offsets and event times are those of the last commit to Postgres."))
    if status.partitions.empty:
        st.html(f'<div class="sg-note">{NO_WORKER}</div>')
    else:
        st.html(markup.partitions(status.partitions, status.model))
    alerts.draw(money.of(status.progress.currency))


def _controls(status: StreamStatus) -> None:
    row = status.replay
    running = row is not None and replay_control.alive(row) and row.state in replay_control.CONTROLLABLE
    paused = running and row is not None and row.wanted_paused
    speed = Speed(row.speed) if running and row is not None else None
    speeds = _speeds(speed)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if paused:
            _button("Resume", "play_arrow", actions.resume)
        else:
            _button("Pause", "pause", actions.pause, disabled=not running)
        st.selectbox(
            "Speed: event time per second",
            speeds,
            index=speeds.index("1d/s" if speed is None else str(speed)),
            key=SPEED,
            persist_state="session",
            width=220,
            disabled=not running,
        )
        _button("Set speed", "speed", lambda: actions.set_speed(st.session_state[SPEED]), disabled=not running)


def _speeds(running: Speed | None) -> list[str]:
    """The speeds to choose from, in order, among them that of the running replay."""
    factors = {text: Speed.parse(text).factor for text in SPEEDS}
    if running is not None:
        factors[str(running)] = running.factor
    return sorted(factors, key=factors.__getitem__)


def _button(label: str, icon: str, action: Callable[[], str], disabled: bool = False, key: str | None = None) -> None:
    # A callback runs before the page is drawn again, so the page shows its effect.
    name = key or f"operations_do_{icon}"
    st.button(label, icon=f":material/{icon}:", key=name, disabled=disabled, on_click=acts.attempt, args=(action,))


def _dead_letters(engine: Engine) -> None:
    acts.report()
    try:
        with reading(engine) as connection:
            reasons = queries.reasons(connection)
            counts = dict(zip(reasons["reason"], reasons["waiting"] + reasons["retried"], strict=True))
            if not counts:
                st.html(elements.title("Dead letters", "None: every record was applied."))
                return
            st.html(elements.title("Dead letters", "Records that could not be applied, with their original bytes."))
            reason, number = _filter(counts)
            letters = queries.dead_letter_page(connection, reason, number * PAGE, PAGE)
    except SQLAlchemyError as error:
        # The upper part explains what to do.
        problem = trouble.from_error(error, engine.url).title
        st.html(elements.title("Dead letters", f"{problem}. The page tries again every few seconds."))
        return
    may_act = acts.allowed()
    for item in letters:
        _dead_letter(item, may_act)
    if not may_act:
        # An operator who has no buttons looks at a dashboard that was started without them.
        st.caption(READ_ONLY if access.current().role in (None, "operator") else NOT_AN_OPERATOR)


def _filter(counts: dict[str, int]) -> tuple[str | None, int]:
    total = sum(counts.values())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        reason = st.selectbox(
            "Reason",
            [None, *counts],
            format_func=lambda each: (
                f"Any reason ({total:,})"
                if each is None
                else f"{markup.clipped(visible(each), 120)} ({counts[each]:,})"
            ),
            key=REASON,
            persist_state="session",
        )
        number = total if reason is None else counts[reason]
        pages = min(max(-(-number // PAGE), 1), MOST_PAGES)
        if st.session_state.get(PAGE_NUMBER, 1) > pages:
            st.session_state[PAGE_NUMBER] = 1
        page = st.number_input(f"Page of {pages:,}", 1, pages, key=PAGE_NUMBER, persist_state="session", width=160)
    return reason, int(page) - 1


def _dead_letter(item: DeadLetterPreview, may_act: bool) -> None:
    if not may_act:
        st.html(markup.dead_letter(item))
        return
    with st.container(horizontal=True, vertical_alignment="top"):
        st.html(markup.dead_letter(item))
        identity = (item.log_id, item.partition, item.offset)
        _button("Retry", "replay", lambda: actions.requeue(*identity), key=f"operations_retry_{identity}")
