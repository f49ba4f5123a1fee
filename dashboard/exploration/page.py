"""The data page: revenue, countries, returning customers, baskets and distributions of what has been streamed."""

from functools import partial
from typing import NamedTuple

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from dashboard.exploration import distribution_cache, figures, ledger_cache, markup, queries
from dashboard.exploration.queries import Ledger
from dashboard.shared import elements, page, plotting, style, window_notes
from dashboard.shared.literal import in_markdown
from dashboard.shared.page import Moment
from models.segment_model import SegmentModel
from models.window_text import in_last_days
from runtime.money import Money

SUBTITLE = "What has been streamed so far: revenue, countries, returning customers, returns, and distributions."
# The session state's key, and a URL parameter.
REST = "data_rest"


class Measure(NamedTuple):
    """One of R, F and M: its name, its meaning, the bars of its histogram, and the ones labelled on the axis."""

    name: str
    meaning: str
    edges: list[float]
    marked: tuple[float, ...]
    is_money: bool = False


MEASURES = {
    "recency": Measure("Recency", "Days since the last purchase", queries.RECENCY, (90, 180, 360, 540, 720)),
    "frequency": Measure("Frequency", "Purchases so far", queries.FREQUENCY, (1, 2, 3, 5, 10, 20, 50, 100)),
    "monetary": Measure("Monetary value", "Spend", queries.MONETARY, (10, 100, 1_000, 10_000, 100_000), True),
}


def show(engine: Engine, money: Money) -> None:
    """Draw the page; it does not refresh by itself."""
    page.show(engine, money, "Data", SUBTITLE, partial(_draw, engine))


def _draw(engine: Engine, moment: Moment) -> None:
    with st.spinner("Adding up the ledger …"):
        ledger = ledger_cache.read(moment.connection, moment.progress)
    if ledger is None:
        st.html('<div class="sg-note">The first event day is not over yet; this page counts only whole days.</div>')
        return
    months = figures.monthly(ledger.revenue, ledger.months)
    _revenue(ledger, months, moment.money)
    _countries(ledger.revenue, moment.money)
    _returning_customers(ledger)
    _baskets(ledger, months, moment.money)
    bars = distribution_cache.read(engine, moment)
    if not bars.is_current(moment.progress):
        at = style.stamp(bars.progress.watermark) if bars.progress.watermark else style.NOTHING
        st.html(elements.note(f"The distributions below are as of event time {at}."))
    _distributions(bars.value, moment.model, moment.money)


def _revenue(ledger: Ledger, months: pd.DataFrame, money: Money) -> None:
    sums = months.sum()
    st.html(
        markup.tiles(
            ("net revenue", money.rounded(sums["sold"] - sums["returned"]), "Sales minus returns"),
            ("sales", style.count(sums["sales"]), "Invoices"),
            ("credit notes", style.count(sums["returns"]), "Returns"),
            ("of sales returned", style.percent(sums["returned"], sums["sold"]), "By value"),
            ("average basket", money.exact(sums["sold"] / max(sums["sales"], 1)), "Mean value of a sale"),
            ("buyers", style.count(ledger.buyers), "Customers with at least one purchase"),
        )
    )
    st.html(elements.title("Revenue by month", f"{_days(ledger)} Sales above the line, returns below."))
    st.plotly_chart(
        figures.revenue_bars(months, money),
        key="data_revenue",
        config=plotting.CONFIG,
        alt=f"Sales and returns by month; the best month is {months['sold'].idxmax():%B %Y}",
    )


def _countries(revenue: pd.DataFrame, money: Money) -> None:
    table = figures.by_country(revenue)
    largest = str(table.index[0])
    total = float(table["net"].sum())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.html(
            elements.title(
                "Countries", f"Net revenue; {largest} has {style.percent(table['net'].iloc[0], total)} of it."
            )
        )
        without = len(table) > 1 and st.toggle(f"Without {in_markdown(largest)}", key=REST, bind="query-params")
    st.html(markup.countries(table.iloc[1:] if without else table, total, money))


def _returning_customers(ledger: Ledger) -> None:
    rates = figures.retention(ledger.cohorts, ledger.cohort_months)
    st.html(
        elements.title(
            "Returning customers",
            "Percentage of each month's new customers (their number is beside the month) who bought again later. "
            "The first row also contains the customers that the shop already had.",
        )
    )
    if rates.drop(columns=0).isna().all(axis=None):
        st.html(elements.note("The first month is not over yet, so no customer has bought again in a later one."))
        return
    sizes = ledger.cohorts[ledger.cohorts["cohort"] == ledger.cohorts["month"]].set_index("cohort")["customers"]
    figure = figures.retention_map(rates, sizes.reindex(rates.index, fill_value=0))
    st.plotly_chart(
        figure, key="data_cohorts", config=plotting.CONFIG, alt="Share of each month's new customers who bought again"
    )


def _baskets(ledger: Ledger, months: pd.DataFrame, money: Money) -> None:
    left, right = st.columns(2, gap="large")
    low, high = figures.median_bar(ledger.baskets, queries.BASKETS)
    lowest = figures.edge(low, money)
    bounds = f"between {lowest} and {figures.edge(high, money)}" if high < float("inf") else f"over {lowest}"
    with left:
        st.html(elements.title("Basket values", f"Sales by their value; the median is {bounds}."))
        figure = figures.histogram(ledger.baskets, queries.BASKETS, (1, 10, 100, 1_000, 10_000), money)
        st.plotly_chart(
            figure, key="data_baskets", config=plotting.CONFIG, alt=f"Sales by value; the median is {bounds}"
        )
    with right:
        marks = (("Percentage of the money sold", figures.RETURNED), ("Credit notes per 100 sales", "#9aa3b2"))
        st.html(elements.title("Returns by month") + markup.legend(marks))
        figure = figures.returns_lines(months)
        st.plotly_chart(figure, key="data_returns", config=plotting.CONFIG, alt="Returns as a share of the money sold")


def _distributions(bars: pd.DataFrame, model: SegmentModel, money: Money) -> None:
    st.html(
        elements.title(
            "Distributions", "Everyone who ever bought, at this moment: the numbers that decide their segments."
        )
    )
    page.note_if(window_notes.counted(model))
    for column, (key, measure) in zip(st.columns(3, gap="large"), MEASURES.items(), strict=True):
        counted = f", {'net of returns' if model.monetary == 'net' else 'gross'}" if measure.is_money else ""
        with column:
            meaning = measure.meaning if key == "recency" else _in_window(measure.meaning, model.window_days)
            st.html(elements.title(measure.name, meaning + counted))
            counts = bars[bars["measure"] == key]
            figure = figures.histogram(counts, measure.edges, measure.marked, money if measure.is_money else None)
            st.plotly_chart(
                figure, key=f"data_{key}", config=plotting.CONFIG, alt=f"Customers by {measure.name.lower()}"
            )


def _in_window(meaning: str, window_days: int | None) -> str:
    """What a measure means; "so far" is that of the window, if there is one."""
    if window_days is None:
        return meaning
    return meaning.removesuffix(" so far") + in_last_days(window_days)


def _days(ledger: Ledger) -> str:
    return f"Whole event days before {style.day(ledger.until)} (UTC)."
