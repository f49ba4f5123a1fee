"""Who went where in any period, what it cost or brought, and the customers behind every number."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.pages.shifts import figures as charts
from dashboard.pages.shifts import markup, queries
from dashboard.pages.shifts.queries import Cell
from dashboard.shared import connection, downloads, elements, flows, page, periods, plotting
from dashboard.shared.page import Moment
from dashboard.shared.periods import CUSTOM, Period
from dashboard.shared.personas import look_up
from dashboard.shared.words import CAUSES, DEFAULT_WINDOW, WINDOWS, cause, many

REFRESH_SECONDS = 10
PAGE_SIZE = 10
# Nobody turns more pages than these; the file has everybody.
MOST_PAGES = 250
MEASURES: dict[charts.Measure, str] = {"changes": "Customers", "money": "Money"}
ANY = "any"
# Keys of the reader's session, and names in the page's address.
PERIOD, DATES, WHY, MEASURE = "shift_period", "shift_dates", "shift_causes", "shift_measure"
FROM, TO, PAGE, MATRIX = "shift_from", "shift_to", "shift_page", "shift_matrix"


def show(engine: Engine) -> None:
    """The page; it draws itself anew every few seconds and keeps what the reader has chosen."""
    note = "Who went where in any period, why, what they were worth, and who they are."
    page.show(engine, "Shifts", note, partial(_draw, engine), REFRESH_SECONDS)


def _draw(engine: Engine, moment: Moment) -> None:
    history = connection.memory(engine).history.read(moment.connection, moment.progress)
    if history.empty:
        st.html(elements.nobody("Nobody has entered a segment yet."))
        return
    period, causes = _filters(moment, history["day"].iloc[0].to_pydatetime())
    meant = history[history["cause"].isin(causes)] if causes else history
    inside = flows.between(meant, period.since, period.until)
    moved = flows.flows(inside)
    st.html(markup.tiles(moved))
    if moved.empty:
        st.html(elements.nobody("Nobody moved then. Choose a longer period, or take a filter away."))
    else:
        _where(moved, moment)
        _who(engine, inside, period, causes, moment)
    _over_time(history, moved, period, moment)


def _filters(moment: Moment, first: datetime) -> tuple[Period, list[str]]:
    now = moment.progress.event_time
    assert now is not None  # noqa: S101 - page.show says so
    labels = {key: window.label for key, window in WINDOWS.items()} | {CUSTOM: "Dates"}
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        chosen = st.segmented_control(
            "Period (event time)",
            [*labels],
            default=DEFAULT_WINDOW,
            format_func=labels.__getitem__,
            required=True,
            key=PERIOD,
            bind="query-params",
            wrap=True,
        )
        period = periods.preset("30" if chosen == CUSTOM else chosen, first, now)
        if chosen == CUSTOM:
            dates = st.date_input(
                "First and last day",
                (period.since.date(), period.last_day.date()),
                min_value=first.date(),
                max_value=now.date(),
                format="DD/MM/YYYY",
                key=DATES,
                bind="query-params",
                width=260,
            )
            period = periods.custom(dates, first, now)
        causes = st.pills(
            "Why",
            [*CAUSES],
            selection_mode="multi",
            format_func=_phrase,
            key=WHY,
            bind="query-params",
            wrap=True,
        )
    return period, causes


def _where(moved: pd.DataFrame, moment: Moment) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.html(elements.title("From where to where", "Press a number to see who they are"))
        measure: charts.Measure = st.segmented_control(
            "Measure",
            [*MEASURES],
            default="changes",
            format_func=MEASURES.__getitem__,
            required=True,
            key=MEASURE,
            bind="query-params",
            label_visibility="collapsed",
        )
    matrix, streams = st.columns([1.15, 1], gap="large")
    what = "Customers" if measure == "changes" else "Pounds"
    with matrix:
        st.plotly_chart(
            charts.flow_heat_map(moved, moment.personas, measure),
            key=MATRIX,
            config=plotting.CONFIG,
            on_select=_take_cell,
            selection_mode="points",
            alt=f"{what} who went from each segment (rows) to each other one (columns)",
        )
    with streams:
        drawn = charts.sankey(moved, moment.personas, measure)
        st.plotly_chart(drawn, key="shift_streams", config=plotting.CONFIG, alt=f"{what} streaming between segments")


def _take_cell() -> None:
    """A number that was pressed chooses its two segments below; pressed again, it lets go of them."""
    points: list[dict[str, Any]] = st.session_state[MATRIX].selection.points
    st.session_state[FROM], st.session_state[TO] = points[0]["customdata"] if points else (ANY, ANY)
    _first_page()


def _first_page() -> None:
    st.session_state.pop(PAGE, None)


def _who(engine: Engine, days: pd.DataFrame, period: Period, causes: list[str], moment: Moment) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.html(elements.title("Who they are", "What they looked like when they moved, the newest first"))
        left = _segments("From", FROM, [ANY, *moment.personas, queries.ENTRY], moment)
        entered = _segments("To", TO, [ANY, *moment.personas], moment)
        cell = Cell(period.since, period.until, causes, left, entered)
        st.download_button(
            "Download CSV",
            downloads.later(engine, partial(_everybody, cell)),
            f"shifts-{period.since:%Y-%m-%d}-to-{period.last_day:%Y-%m-%d}.csv",
            "text/csv",
            key="shift_csv",
            on_click="ignore",
        )
        those = queries.within(days, cell)
        number = int(those["changes"].sum())
        page.say_if(downloads.left_out(number))
    if not number:
        st.html(elements.nobody("Nobody went that way in this period."))
        return
    pages = min(-(-number // PAGE_SIZE), MOST_PAGES)
    at = page.number(PAGE, pages)
    place = flows.place(those, PAGE_SIZE, (at - 1) * PAGE_SIZE)
    st.html(f'<div class="sg-note" data-behind="{number}">{many(number, "change")} in this period.</div>')
    st.html(elements.latest_changes(queries.page(moment.connection, cell, place, PAGE_SIZE), moment.personas))
    if pages > 1:
        st.pagination(pages, key=PAGE)


def _segments(label: str, key: str, options: list[str], moment: Moment) -> list[str]:
    def name(segment: str) -> str:
        return "Any segment" if segment == ANY else look_up(moment.personas, segment).name

    chosen = st.selectbox(
        label, options, format_func=name, key=key, bind="query-params", on_change=_first_page, width=190
    )
    return [] if chosen == ANY else [chosen]


def _over_time(history: pd.DataFrame, moved: pd.DataFrame, period: Period, moment: Moment) -> None:
    sizes = flows.sizes(history)
    sums, areas = st.columns([1, 1.9], gap="large")
    with sums:
        st.html(
            elements.title("Money that moved", "What came into each segment with those who moved (right), and left it")
        )
        if not moved.empty:
            bars = charts.money_bars(moved, moment.personas)
            st.plotly_chart(bars, key="shift_money", config=plotting.CONFIG, alt="Pounds into and out of each segment")
    with areas:
        st.html(elements.title("How big the segments were", "At the end of every event day since the beginning"))
        st.html(markup.sizes_note(sizes, moment.personas))
        drawn = charts.size_areas(sizes, moment.personas, (period.since, period.last_day + timedelta(days=1)))
        st.plotly_chart(drawn, key="shift_sizes", config=plotting.CONFIG, alt="Customers in each segment, day by day")


def _phrase(code: str) -> str:
    return cause(code).phrase


def _everybody(cell: Cell, asked: Connection) -> pd.DataFrame:
    return queries.everyone(asked, cell, downloads.MOST_ROWS)
