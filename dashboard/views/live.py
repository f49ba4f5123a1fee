"""The live page: what event time it is, who is where, what moved them, and how fast the stream runs."""

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd
import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from dashboard import blocks, throughput, trouble
from dashboard.charts import base
from dashboard.charts import live as charts
from dashboard.personas import Personas, personas
from dashboard.queries import live as queries
from dashboard.queries import reading
from dashboard.queries.reading import Progress
from dashboard.throughput import HISTORY, History, Sample
from dashboard.words import DEFAULT_WINDOW, WINDOWS, Window, in_order
from models.segment_model import ModelError

REFRESH_SECONDS = 2
LATEST = 12
# Keys of the reader's session.
WINDOW, LAST_KNOWN, SAMPLES = "live_window", "live_last_known", "live_samples"


@dataclass(frozen=True)
class Snapshot:
    """All that the page shows, read at one moment."""

    personas: Personas
    progress: Progress
    sizes: pd.DataFrame
    flows: pd.DataFrame
    rhythm: pd.DataFrame
    latest: pd.DataFrame

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


def read(engine: Engine, window: Window) -> Snapshot | None:
    """Everything the page needs, in one read-only transaction; None without a champion model."""
    with reading.reading(engine) as connection:
        model = reading.champion(connection)
        if model is None:
            return None
        progress = reading.progress(connection)
        now = progress.event_time
        since = queries.window_start(now, window.days)
        return Snapshot(
            personas(model),
            progress,
            queries.segment_sizes(connection, now and now + timedelta(days=blocks.OUTLOOK_DAYS)),
            queries.flows(connection, since),
            queries.rhythm(connection, since, window.bin_days),
            queries.latest_changes(connection, LATEST),
        )


def _refresh(engine: Engine) -> None:
    window = WINDOWS[st.session_state.get(WINDOW, DEFAULT_WINDOW)]
    try:
        snapshot = read(engine, window)
    except (SQLAlchemyError, ModelError) as error:
        _draw_trouble(trouble.of(error, engine.url), window)
        return
    if snapshot is None:
        st.html(blocks.trouble(trouble.NO_MODEL))
    elif snapshot.is_empty:
        st.html(blocks.trouble(trouble.NOTHING_STREAMED))
        st.html(blocks.segment_cards(snapshot.sizes, snapshot.flows, snapshot.personas, window))
    else:
        _remember(snapshot)
        _draw(snapshot, window)


def _draw_trouble(state: trouble.Trouble, window: Window) -> None:
    last_known: Snapshot | None = st.session_state.get(LAST_KNOWN)
    if last_known is None:
        st.html(blocks.trouble(state))
    else:
        st.html(blocks.banner(state))
        _draw(last_known, window)


def _remember(snapshot: Snapshot) -> None:
    now = snapshot.progress
    sample = Sample(now.measured_at, now.transactions, now.event_time)
    st.session_state[SAMPLES] = throughput.remember(st.session_state.get(SAMPLES), sample)
    st.session_state[LAST_KNOWN] = snapshot


def _draw(snapshot: Snapshot, window: Window) -> None:
    _head(snapshot, st.session_state[SAMPLES])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.html(blocks.title("Who is where", f"Net flow, arrivals and departures {window.phrase}"))
        _window_control()
    st.html(blocks.segment_cards(snapshot.sizes, snapshot.flows, snapshot.personas, window))
    _movements(snapshot, window)
    st.html(blocks.title("Latest changes"))
    st.html(blocks.latest_changes(snapshot.latest, snapshot.personas))


def _head(snapshot: Snapshot, samples: History) -> None:
    pace = throughput.pace(samples)
    clock, rate, line = st.columns([3.2, 1, 1.2], vertical_alignment="bottom")
    clock.html(blocks.event_clock(snapshot.progress, pace))
    rate.html(blocks.throughput(pace))
    rates = charts.sparkline(throughput.rates(samples), HISTORY - 1)
    line.plotly_chart(rates, key="sparkline", config=base.CONFIG, alt="Transactions a second, the newest at the right")
    st.html(blocks.totals(snapshot.progress, int(snapshot.sizes["customers"].sum())))


def _window_control() -> None:
    st.segmented_control(
        "How many event days to look back",
        list(WINDOWS),
        format_func=lambda key: WINDOWS[key].label,
        default=DEFAULT_WINDOW,
        required=True,
        key=WINDOW,
        persist_state="session",
        label_visibility="collapsed",
    )


def _movements(snapshot: Snapshot, window: Window) -> None:
    why, where = st.columns([1, 1.3], gap="large")
    with why:
        st.html(blocks.title("What moves customers"))
        st.html(blocks.cause_bars(snapshot.flows, window))
    with where:
        st.html(blocks.title("From where to where", "A row loses customers, a column gains them"))
        matrix = charts.flow_heat_map(snapshot.flows, snapshot.personas)
        st.plotly_chart(matrix, key="matrix", config=base.CONFIG, alt="Changes from each segment to each other one")
    bars = charts.rhythm_bars(snapshot.rhythm, window.bin_days)
    bar = f"Each bar is a {'day' if window.bin_days == 1 else 'week'} of event time."
    st.html(blocks.title("Changes as time passes") + blocks.legend(in_order(snapshot.rhythm["cause"]), bar))
    st.plotly_chart(bars, key="rhythm", config=base.CONFIG, alt="Changes over event time, by cause")
