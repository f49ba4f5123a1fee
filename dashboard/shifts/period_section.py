"""The part of the shifts page with one row per month, quarter or week, and revenue by segment."""

from functools import partial

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.shared import controls, downloads, elements, flows, plotting
from dashboard.shared.page import Moment
from dashboard.shared.personas import NEW_CUSTOMER, look_up
from dashboard.shifts import per_period, period_figures, period_markup, revenue
from models import calendar
from models.calendar import GRAINS, Grain
from models.units import MONEY_UNITS
from runtime.readable import visible

ALL = "all"
# Keys of the session state, and URL parameters.
GRAIN, SEGMENT = "per_period", "per_segment"
DEFAULT: Grain = "month"
_AMOUNTS = {"revenue_units": "revenue", "returned_units": "returned"}


def draw(engine: Engine, days: pd.DataFrame, moment: Moment) -> None:
    """Draw the controls, the table of a segment, and revenue by segment.

    ``days`` is the daily history of changes.
    """
    text = "Customers and revenue of every calendar period, for any cause; the last one is not over yet."
    st.html(elements.title("Period by period", text))
    sold = revenue.until(moment.connection, moment.progress, moment.as_of)
    changed = flows.moved(days)
    firsts = [changed["day"].min()] if len(changed) < len(days) else [each["day"].min() for each in (days, sold)]
    first = min(moment for moment in firsts if not pd.isna(moment)).to_pydatetime()
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        grain: Grain = controls.choice("One row for each", GRAINS, GRAIN, DEFAULT)  # type: ignore[assignment, arg-type]
        segment = _segment_box(moment)
        shown = calendar.periods(grain, first, moment.event_time)
        if len(changed) < len(days):
            # Older changes were deleted: the first period is not whole.
            shown = [period for period in shown if period.since >= first] or shown[-1:]
        table = per_period.per_period(days, sold, shown)
        file = downloads.File(f"segments-by-{grain}-to-{moment.event_time:%Y-%m-%d}.csv", {"rows": grain})
        downloads.button(engine, file, partial(_file, table, moment), "period_csv", "Download all periods")
    rows = per_period.of_segment(table, None if segment == ALL else segment, grain)
    st.html(period_markup.periods(rows, moment.money))
    text = (
        "Sales less returns, by the segment in which the customer was just before the order. First purchases are of "
        "new customers."
    )
    st.html(elements.title("Revenue by segment", text))
    matrix = per_period.revenue_matrix(table)
    st.plotly_chart(
        period_figures.revenue_bars(matrix, moment.personas, moment.money),
        key="period_revenue",
        config=plotting.CONFIG,
        alt=f"Revenue by segment, {GRAINS[grain].lower()}",
    )


def _segment_box(moment: Moment) -> str:
    def name(segment: str) -> str:
        return "All segments" if segment == ALL else visible(look_up(moment.personas, segment).name)

    options = [ALL, *moment.personas]
    return st.selectbox("Segment", options, format_func=name, key=SEGMENT, bind="query-params", width=220)


def _file(table: pd.DataFrame, moment: Moment, _connection: Connection) -> pd.DataFrame:
    """All periods and segments; amounts in currency units."""
    names = {segment: look_up(moment.personas, segment).name for segment in table["segment"]} | {"": NEW_CUSTOMER.name}
    amounts = {name: table[units] / MONEY_UNITS for units, name in _AMOUNTS.items()}
    rows = table.drop(columns=[*_AMOUNTS, "label"]).assign(**amounts, currency=moment.money.currency)
    rows.insert(3, "persona", rows["segment"].map(names))
    return rows
