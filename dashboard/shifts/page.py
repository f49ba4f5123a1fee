"""The shifts page: moves between segments in any period, the spend that moved, and the customers behind each number."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.shared import changes, downloads, elements, flows, history, page, plotting, window_notes
from dashboard.shared.changes import ENTRY, ChangeFilter
from dashboard.shared.flow_figures import Measure, sankey
from dashboard.shared.labels import CAUSES, DEFAULT_PERIOD, PERIODS, cause
from dashboard.shared.literal import in_markdown
from dashboard.shared.page import Moment
from dashboard.shared.personas import Personas, look_up, personas
from dashboard.shifts import figures, markup, period_section, periods
from dashboard.shifts.periods import CUSTOM, DayPeriod
from data.postgres import model_registry
from data.postgres.past_moments import models_at
from runtime.counts import many
from runtime.money import Money
from runtime.readable import visible

REFRESH_SECONDS = 10
PAGE_SIZE = 10
# Pages beyond these are in the download only.
MOST_PAGES = 250
# The same weekdays a year before.
YEAR = 364
MEASURES: dict[Measure, str] = {"changes": "Customers", "money": "Money"}
ANY = "any"
# Keys of the session state, and URL parameters.
PERIOD, DATES, WHY, MEASURE = "shift_period", "shift_dates", "shift_causes", "shift_measure"
FROM, TO, PAGE, MATRIX = "shift_from", "shift_to", "shift_page", "shift_matrix"


def show(engine: Engine, money: Money) -> None:
    """Draw the page; it refreshes every few seconds and keeps the reader's choices."""
    subtitle = "Moves between segments in any period: how many, why, and which customers."
    page.show(engine, money, "Shifts", subtitle, partial(_draw, engine), REFRESH_SECONDS, has_past=True)


def _draw(engine: Engine, moment: Moment) -> None:
    days = history.until(moment.connection, moment.progress, moment.as_of)
    if moment.as_of is not None:
        # Everything below ends with that moment, as if the stream had stopped there.
        moment = replace(moment, event_time=moment.as_of, personas=_known_then(moment, moment.as_of))
    if days.empty:
        st.html(elements.empty("No customer has entered a segment yet."))
        return
    changed = flows.moved(days)
    if changed.empty:
        st.html(elements.empty("No customer has moved since the kept history began."))
        return
    period, causes = _filters(moment, changed["day"].iloc[0].to_pydatetime())
    wanted = changed[changed["cause"].isin(causes)] if causes else changed
    inside = flows.between(wanted, period.since, period.until)
    moved = flows.flows(inside)
    st.html(markup.tiles(moved, moment.money))
    page.note_if(window_notes.moved(moment.model))
    _balance(days, period, moment)
    if moved.empty:
        st.html(elements.empty("No customer moved in this period. Choose a longer one, or remove a filter."))
    else:
        _matrix(moved, moment)
        _customers(engine, inside, period, causes, moment)
    _over_time(days, moved, period, moment)
    period_section.draw(engine, days, moment)


def _filters(moment: Moment, first: datetime) -> tuple[DayPeriod, list[str]]:
    now = moment.event_time
    labels = {key: period.label for key, period in PERIODS.items()} | {CUSTOM: "Dates"}
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        chosen = st.segmented_control(
            "Period (event time)",
            [*labels],
            default=DEFAULT_PERIOD,
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
            "Cause",
            [*CAUSES],
            selection_mode="multi",
            format_func=_phrase,
            key=WHY,
            bind="query-params",
            wrap=True,
        )
    return period, causes


def _balance(days: pd.DataFrame, period: DayPeriod, moment: Moment) -> None:
    """The table of the period; other periods are shown as far as the history has all of their days."""
    begin = flows.moved(days)["day"].iloc[0]
    compared = {"Net, period before": period.earlier(period.days), "Net, a year before": period.earlier(YEAR)}
    others = {
        title: flows.balance(days, other.since, other.until) if other.since >= begin else None
        for title, other in compared.items()
    }
    text = "Customers at its start and end, and moves into and out of each segment, for any cause."
    st.html(elements.title("Segments in this period", text))
    now = flows.balance(days, period.since, period.until)
    order = [
        *(segment for segment in moment.personas if segment in now.index),
        *now.index.difference([*moment.personas]),
    ]
    st.html(markup.balance(now.loc[order], others, moment.personas))


def _matrix(moved: pd.DataFrame, moment: Moment) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.html(elements.title("Moves between segments", "Select a number to list its customers"))
        measure: Measure = st.segmented_control(
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
    what = "Customers" if measure == "changes" else "Spend"
    with matrix:
        st.plotly_chart(
            figures.flow_heat_map(moved, moment.personas, moment.money, measure),
            key=MATRIX,
            config=plotting.CONFIG,
            on_select=_select_cell,
            selection_mode="points",
            alt=f"{what} that moved from each segment (rows) to each other one (columns)",
        )
    with streams:
        drawn = sankey(moved, moment.personas, moment.money, measure)
        st.plotly_chart(drawn, key="shift_streams", config=plotting.CONFIG, alt=f"{what} that moved, as streams")


def _select_cell() -> None:
    """A selected number sets the two segments of the list below; deselecting it resets them."""
    points: list[dict[str, Any]] = st.session_state[MATRIX].selection.points
    st.session_state[FROM], st.session_state[TO] = points[0]["customdata"] if points else (ANY, ANY)
    _first_page()


def _first_page() -> None:
    st.session_state.pop(PAGE, None)


def _customers(engine: Engine, days: pd.DataFrame, period: DayPeriod, causes: list[str], moment: Moment) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.html(elements.title("Customers who moved", "With their numbers at that time, the newest move first"))
        left = _segment_box("From", FROM, [ANY, *moment.personas, ENTRY], moment)
        entered = _segment_box("To", TO, [ANY, *moment.personas], moment)
        wanted = ChangeFilter(period.since, _end(period, moment), causes, left, entered)
        downloads.button(engine, _file(period, wanted), partial(_all_rows, wanted, moment), "shift_csv")
        found = changes.within(days, wanted)
        number = int(found["changes"].sum())
        page.note_if(downloads.limit_note(number))
    if not number:
        st.html(elements.empty("No customer moved that way in this period."))
        return
    pages = min(-(-number // PAGE_SIZE), MOST_PAGES)
    dates = (st.session_state.get(PERIOD), st.session_state.get(DATES))
    chosen = page.number(PAGE, pages, (dates, causes, left, entered))
    location = flows.locate(found, PAGE_SIZE, (chosen - 1) * PAGE_SIZE)
    st.html(f'<div class="sg-note" data-behind="{number}">{many(number, "change")} in this period.</div>')
    found = changes.page(moment.connection, wanted, location, PAGE_SIZE)
    st.html(elements.change_table(found, moment.personas, moment.money, moment.as_of))
    if pages > 1:
        st.pagination(pages, key=PAGE)


def _segment_box(label: str, key: str, options: list[str], moment: Moment) -> list[str]:
    def name(segment: str) -> str:
        return "Any segment" if segment == ANY else visible(look_up(moment.personas, segment).name)

    chosen = st.selectbox(
        label, options, format_func=name, key=key, bind="query-params", on_change=_first_page, width=190
    )
    return [] if chosen == ANY else [chosen]


def _over_time(days: pd.DataFrame, moved: pd.DataFrame, period: DayPeriod, moment: Moment) -> None:
    sizes = flows.sizes(days)
    sums, areas = st.columns([1, 1.9], gap="large")
    with sums:
        st.html(
            elements.title("Spend that moved", "Spend of the customers who entered a segment (right) or left it (left)")
        )
        if not moved.empty:
            bars = figures.money_bars(moved, moment.personas, moment.money)
            st.plotly_chart(bars, key="shift_money", config=plotting.CONFIG, alt="Spend into and out of each segment")
    with areas:
        st.html(elements.title("Segment sizes", "At the end of every event day since the beginning"))
        page.html_or_place(markup.sizes_note(sizes, moment.personas))
        drawn = figures.size_areas(sizes, moment.personas, (period.since, period.last_day + timedelta(days=1)))
        st.plotly_chart(drawn, key="shift_sizes", config=plotting.CONFIG, alt="Customers in each segment, day by day")


def _end(period: DayPeriod, moment: Moment) -> datetime:
    """The end of the period for a list of changes: on a past day, what happened exactly then is the last."""
    return period.until if moment.as_of is None else min(period.until, moment.as_of + timedelta(microseconds=1))


def _known_then(moment: Moment, at: datetime) -> Personas:
    """The personas of the models that were active; those of the champion if there was no model."""
    versions = sorted({*models_at(moment.connection, at).values()})
    known: Personas = {}
    for model in dict(model_registry.read_all(moment.connection, versions)).values():
        known |= personas(model)
    return known or moment.personas


def _phrase(code: str) -> str:
    return in_markdown(cause(code).phrase)


def _file(period: DayPeriod, wanted: ChangeFilter) -> downloads.File:
    name = f"shifts-{period.since:%Y-%m-%d}-to-{period.last_day:%Y-%m-%d}.csv"
    return downloads.File(name, {"causes": [*wanted.causes], "left": [*wanted.left], "entered": [*wanted.entered]})


def _all_rows(wanted: ChangeFilter, moment: Moment, connection: Connection) -> pd.DataFrame:
    found = changes.newest(connection, wanted, downloads.MOST_ROWS)
    return downloads.with_names(found, moment.model).assign(currency=moment.money.currency)
