"""The live page: what event time it is, who is where, what moved them, and how fast the stream runs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st
from sqlalchemy import Engine, Row
from sqlalchemy.exc import SQLAlchemyError

from dashboard.pages.live import figures as charts
from dashboard.pages.live import queries, today
from dashboard.pages.shifts import figures as flow_charts
from dashboard.pages.shifts import queries as changes
from dashboard.pages.shifts.queries import Cell
from dashboard.shared import connection, elements, flows, page, plotting, reading, replay_markup, throughput, trouble
from dashboard.shared.history import Memory
from dashboard.shared.personas import Personas, personas
from dashboard.shared.reading import StreamProgress
from dashboard.shared.throughput import HISTORY, History, Sample
from dashboard.shared.words import CAUSES, DEFAULT_WINDOW, WINDOWS, Window, cause, in_order
from data.postgres import replay_control
from models.segment_model import ModelError

NOTE = "What event time it is, who is where, and what moved them."
REFRESH_SECONDS = 2
LATEST = 12
# Keys of the reader's session; those of the controls are names in the address too.
WINDOW, LAST_KNOWN, SAMPLES = "live_window", "live_last_known", "live_samples"
CAUSE, SEGMENT = "live_causes", "live_segments"


class Choice(NamedTuple):
    """What the reader has chosen: how far to look back, and which changes to list."""

    window: Window
    causes: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """All that the page shows, read at one moment."""

    personas: Personas
    progress: StreamProgress
    sizes: pd.DataFrame
    days: pd.DataFrame
    latest: pd.DataFrame
    replay: Row[Any] | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been streamed yet."""
        return not self.progress.transactions and self.sizes.empty


def show(engine: Engine) -> None:
    """The page; it draws itself anew every two seconds and keeps what the reader has chosen."""

    @st.fragment(run_every=REFRESH_SECONDS)
    def live() -> None:
        _refresh(engine)

    live()


def read(engine: Engine, memory: Memory, choice: Choice) -> Snapshot | None:
    """Everything the page needs, in one read-only transaction; None without a champion model."""
    with reading.reading(engine) as asked:
        model = reading.champion(asked)
        if model is None:
            return None
        progress = reading.progress(asked)
        now = progress.event_time
        days = memory.read(asked, progress)
        meant = Cell(causes=choice.causes, touched=choice.segments)
        newest = flows.place(changes.within(days, meant), LATEST)
        return Snapshot(
            personas(model),
            progress,
            queries.segment_sizes(asked, now and now + timedelta(days=elements.OUTLOOK_DAYS)),
            days,
            changes.page(asked, meant, newest, LATEST),
            replay_control.last(asked),
        )


def _choice() -> Choice:
    chosen = st.session_state
    window = WINDOWS[chosen.get(WINDOW, DEFAULT_WINDOW)]
    return Choice(window, tuple(chosen.get(CAUSE, ())), tuple(chosen.get(SEGMENT, ())))


def _refresh(engine: Engine) -> None:
    choice = _choice()
    memory = connection.memory(engine).history
    # Nothing takes its place, so that what is below it stays where it is from one refresh to the next.
    opening = page.opening("Live", NOTE) or st.empty()
    try:
        snapshot = read(engine, memory, choice)
    except (SQLAlchemyError, ModelError) as error:
        opening.empty()
        _draw_trouble(trouble.of(error, engine.url), choice.window)
        return
    opening.empty()
    if snapshot is None:
        st.html(elements.trouble(trouble.NO_MODEL))
    elif snapshot.is_empty:
        st.html(elements.trouble(trouble.SEGMENTS_TO_COME))
        nothing = flows.flows(snapshot.days)
        st.html(elements.segment_cards(snapshot.sizes, nothing, snapshot.personas, choice.window))
    else:
        _remember(snapshot)
        _draw(snapshot, choice.window)
        if _choice() != choice:
            # An address speaks through the controls, which are drawn after what they decide.
            st.rerun()


def _draw_trouble(state: trouble.Trouble, window: Window) -> None:
    last_known: Snapshot | None = st.session_state.get(LAST_KNOWN)
    if last_known is None:
        st.html(elements.trouble(state))
    else:
        st.html(elements.banner(state))
        _draw(last_known, window)


def _remember(snapshot: Snapshot) -> None:
    now = snapshot.progress
    sample = Sample(now.measured_at, now.transactions, now.event_time)
    st.session_state[SAMPLES] = throughput.remember(st.session_state.get(SAMPLES), sample)
    st.session_state[LAST_KNOWN] = snapshot


def _draw(snapshot: Snapshot, window: Window) -> None:
    since = flows.window_start(snapshot.progress.event_time, window.days)
    inside = flows.between(snapshot.days, since)
    moved = flows.flows(inside)
    _head(snapshot, st.session_state[SAMPLES])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.html(elements.title("Who is where", f"Net flow, arrivals and departures {window.phrase}"))
        _window_control()
    st.html(elements.segment_cards(snapshot.sizes, moved, snapshot.personas, window))
    _movements(moved, snapshot.personas, window)
    _rhythm(flows.rhythm(inside, since, window.bin_days), window)
    st.html(elements.title("Latest changes"))
    _stream_filters(snapshot.personas)
    if snapshot.latest.empty:
        st.html(elements.nobody("No change so far is of this kind."))
    else:
        st.html(elements.latest_changes(snapshot.latest, snapshot.personas))


def _head(snapshot: Snapshot, samples: History) -> None:
    pace = throughput.pace(samples)
    clock, rate, line = st.columns([3.2, 1, 1.2], vertical_alignment="bottom")
    clock.html(elements.event_clock(snapshot.progress, pace) + replay_markup.line(snapshot.replay))
    rate.html(elements.throughput(pace))
    rates = charts.sparkline(throughput.rates(samples), HISTORY - 1)
    line.plotly_chart(
        rates, key="sparkline", config=plotting.CONFIG, alt="Transactions a second, the newest at the right"
    )
    st.html(today.sentence(snapshot.days, snapshot.progress))
    st.html(elements.totals(snapshot.progress, int(snapshot.sizes["customers"].sum())))


def _window_control() -> None:
    st.segmented_control(
        "How many event days to look back",
        list(WINDOWS),
        format_func=lambda key: WINDOWS[key].label,
        default=DEFAULT_WINDOW,
        required=True,
        key=WINDOW,
        bind="query-params",
        label_visibility="collapsed",
    )


def _movements(moved: pd.DataFrame, known: Personas, window: Window) -> None:
    why, where = st.columns([1, 1.3], gap="large")
    with why:
        st.html(elements.title("What moves customers"))
        st.html(elements.cause_bars(moved, window))
    with where:
        st.html(elements.title("From where to where", f"Customers who moved {window.phrase}, first purchases left out"))
        streams = flow_charts.sankey(moved[moved["from_segment"] != ""], known)
        alt = "Streams of customers from the segment they left to the one they entered"
        st.plotly_chart(streams, key="streams", config=plotting.CONFIG, alt=alt)


def _rhythm(rhythm: pd.DataFrame, window: Window) -> None:
    bar = f"Each bar is a {'day' if window.bin_days == 1 else 'week'} of event time."
    st.html(elements.title("Changes as time passes") + elements.legend(in_order(rhythm["cause"]), bar))
    bars = charts.rhythm_bars(rhythm, window.bin_days)
    st.plotly_chart(bars, key="rhythm", config=plotting.CONFIG, alt="Changes over event time, by cause")


def _stream_filters(known: Personas) -> None:
    with st.container(horizontal=True, vertical_alignment="top"):
        st.pills(
            "Why",
            [*CAUSES],
            selection_mode="multi",
            format_func=lambda code: cause(code).phrase,
            key=CAUSE,
            bind="query-params",
            wrap=True,
        )
        st.multiselect(
            "Left or entered",
            [*known],
            format_func=lambda segment: known[segment].name,
            placeholder="Any segment",
            key=SEGMENT,
            bind="query-params",
            width=340,
        )
