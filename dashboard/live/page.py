"""The live page: the stream's event time, the segments' sizes, the moves between them, and the throughput."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st
from sqlalchemy import Engine, Row
from sqlalchemy.exc import SQLAlchemyError

from dashboard.live import figures, markup, queries, throughput, today
from dashboard.live.throughput import HISTORY, Samples, ThroughputSample
from dashboard.shared import (
    as_of,
    changes,
    elements,
    flows,
    history,
    page,
    plotting,
    reading,
    replay_markup,
    trouble,
    window_notes,
)
from dashboard.shared.changes import ChangeFilter
from dashboard.shared.flow_figures import sankey
from dashboard.shared.labels import CAUSES, DEFAULT_PERIOD, PERIODS, LivePeriod, cause, in_order
from dashboard.shared.literal import in_markdown
from dashboard.shared.personas import Personas, personas
from dashboard.shared.reading import StreamProgress
from data.postgres import replay_control
from models.segment_model import ModelError
from runtime.money import Money
from runtime.readable import visible

SUBTITLE = "The stream's event time, the size of each segment, and why customers moved."
REFRESH_SECONDS = 2
LATEST = 12
# Keys of the session state; those of the controls are URL parameters, too.
PERIOD, LAST_KNOWN, SAMPLES = "live_window", "live_last_known", "live_samples"
CAUSE, SEGMENT, FOLLOW = "live_causes", "live_segments", "live_follow"


class LiveChoice(NamedTuple):
    """What the reader has chosen: the period, and which changes to list."""

    period: LivePeriod
    causes: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveData:
    """All that the page shows, read at one moment; ``note`` says what its spend counts if the segments do not."""

    personas: Personas
    progress: StreamProgress
    sizes: pd.DataFrame
    days: pd.DataFrame
    latest: pd.DataFrame
    replay: Row[Any] | None
    note: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been streamed yet."""
        return not self.progress.transactions and self.sizes.empty


def show(engine: Engine, money: Money) -> None:
    """Draw the page; unless the reader stops it, it refreshes every two seconds, and keeps the reader's choices."""
    with st.container(horizontal=True, horizontal_alignment="right", key="live_controls"):
        label = f"Refresh every {REFRESH_SECONDS} seconds"
        follow = st.toggle(label, value=True, key=FOLLOW, persist_state="session")

    @st.fragment(run_every=REFRESH_SECONDS if follow else None)
    def drawn() -> None:
        _refresh(engine, money)

    drawn()


def read(engine: Engine, choice: LiveChoice) -> LiveData | trouble.Trouble:
    """Everything that the page needs, in one read-only database transaction; why there is nothing without a model."""
    with reading.reading(engine) as connection:
        model = reading.champion(connection)
        progress = reading.progress(connection)
        if model is None:
            return trouble.no_model(progress.transactions)
        now = progress.watermark
        days = history.read(connection, progress)
        wanted = ChangeFilter(causes=choice.causes, touched=choice.segments)
        newest = flows.locate(changes.within(days, wanted), LATEST)
        return LiveData(
            personas(model),
            progress,
            queries.segment_sizes(connection, now and now + timedelta(days=markup.OUTLOOK_DAYS)),
            days,
            changes.page(connection, wanted, newest, LATEST),
            replay_control.last(connection),
            window_notes.lifetime(model, "The spend of segments is that"),
        )


def _choice() -> LiveChoice:
    chosen = st.session_state
    period = PERIODS[chosen.get(PERIOD, DEFAULT_PERIOD)]
    return LiveChoice(period, tuple(chosen.get(CAUSE, ())), tuple(chosen.get(SEGMENT, ())))


def _refresh(engine: Engine, money: Money) -> None:
    choice = _choice()
    # An empty element in its place, so that the elements below keep their places from one refresh to the next.
    opening = page.opening("Live", SUBTITLE) or st.empty()
    try:
        live = read(engine, choice)
    except (SQLAlchemyError, ModelError) as error:
        opening.empty()
        _draw_trouble(trouble.from_error(error, engine.url), choice.period, money)
        return
    opening.empty()
    if isinstance(live, trouble.Trouble):
        st.html(elements.trouble(live))
    elif live.is_empty:
        st.html(elements.trouble(trouble.SEGMENTS_WITHOUT_CUSTOMERS))
        no_flows = flows.flows(live.days)
        st.html(markup.segment_cards(live.sizes, no_flows, live.personas, choice.period, money))
    else:
        _remember(live)
        _draw(live, choice.period, money)
        if _choice() != choice:
            # The URL sets the controls, which are drawn after the data was read.
            st.rerun()


def _draw_trouble(state: trouble.Trouble, period: LivePeriod, money: Money) -> None:
    last_known: LiveData | None = st.session_state.get(LAST_KNOWN)
    if last_known is None:
        st.html(elements.trouble(state))
    else:
        st.html(elements.banner(state))
        _draw(last_known, period, money)


def _remember(live: LiveData) -> None:
    now = live.progress
    sample = ThroughputSample(now.measured_at, now.transactions, now.watermark)
    st.session_state[SAMPLES] = throughput.remember(st.session_state.get(SAMPLES), sample)
    st.session_state[LAST_KNOWN] = live


def _draw(live: LiveData, period: LivePeriod, money: Money) -> None:
    money = money.of(live.progress.currency)
    since = flows.window_start(live.progress.watermark, period.days)
    inside = flows.between(live.days, since)
    moved = flows.flows(inside)
    chosen = as_of.shows_now("Live", live.progress.watermark)
    _head(live, st.session_state[SAMPLES], money, chosen)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.html(elements.title("Segments", f"Net change, arrivals and departures {period.phrase}"))
        _period_control()
    page.note_if(live.note)
    st.html(markup.segment_cards(live.sizes, moved, live.personas, period, money))
    _movements(moved, live.personas, period, money)
    _rhythm(flows.rhythm(inside, since, period.bin_days), period)
    st.html(elements.title("Latest changes"))
    _stream_filters(live.personas)
    if live.latest.empty:
        st.html(elements.empty("No change matches these filters yet."))
    else:
        st.html(elements.change_table(live.latest, live.personas, money, chosen))


def _head(live: LiveData, samples: Samples, money: Money, chosen: datetime | None) -> None:
    pace = throughput.pace(samples)
    clock, rate, line = st.columns([3.2, 1, 1.2], vertical_alignment="bottom")
    clock.html(markup.event_clock(live.progress, pace) + replay_markup.line(live.replay))
    rate.html(markup.throughput(pace))
    rates = figures.sparkline(throughput.rates(samples), HISTORY - 1)
    line.plotly_chart(
        rates, key="sparkline", config=plotting.CONFIG, alt="Transactions per second, the newest at the right"
    )
    page.html_or_place(today.sentence(live.days, live.progress, money, chosen))
    st.html(markup.totals(live.progress, int(live.sizes["customers"].sum())))


def _period_control() -> None:
    st.segmented_control(
        "How many event days to look back",
        list(PERIODS),
        format_func=lambda key: PERIODS[key].label,
        default=DEFAULT_PERIOD,
        required=True,
        key=PERIOD,
        bind="query-params",
        label_visibility="collapsed",
    )


def _movements(moved: pd.DataFrame, known: Personas, period: LivePeriod, money: Money) -> None:
    why, where = st.columns([1, 1.3], gap="large")
    with why:
        st.html(elements.title("Why customers move"))
        st.html(markup.cause_bars(moved, period))
    with where:
        st.html(elements.title("Moves between segments", f"Customers who moved {period.phrase}; no first segments"))
        streams = sankey(moved[moved["from_segment"] != ""], known, money)
        alt = "Streams of customers from the segment they left to the one they entered"
        st.plotly_chart(streams, key="streams", config=plotting.CONFIG, alt=alt)


def _rhythm(rhythm: pd.DataFrame, period: LivePeriod) -> None:
    bar = f"Each bar is one {'day' if period.bin_days == 1 else 'week'} of event time."
    st.html(elements.title("Changes over time") + elements.cause_legend(in_order(rhythm["cause"]), bar))
    bars = figures.rhythm_bars(rhythm, period.bin_days)
    st.plotly_chart(bars, key="rhythm", config=plotting.CONFIG, alt="Changes over event time, by cause")


def _stream_filters(known: Personas) -> None:
    with st.container(horizontal=True, vertical_alignment="top"):
        st.pills(
            "Cause",
            [*CAUSES],
            selection_mode="multi",
            format_func=lambda code: in_markdown(cause(code).phrase),
            key=CAUSE,
            bind="query-params",
            wrap=True,
        )
        st.multiselect(
            "Left or entered",
            [*known],
            format_func=lambda segment: visible(known[segment].name),
            placeholder="Any segment",
            key=SEGMENT,
            bind="query-params",
            width=340,
        )
