"""The data page: what has been streamed so far, as an analyst looks at it before any segment."""

from functools import partial
from html import escape
from typing import NamedTuple

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from dashboard.pages.exploration import figures as charts
from dashboard.shared import connection, elements, page, plotting, style
from dashboard.shared import ledger as queries
from dashboard.shared.ledger import Ledger
from dashboard.shared.page import Moment

NOTE = "What has been streamed so far: revenue, countries, who comes back, what is returned, and how customers spread."
MOST_COUNTRIES = 12
REST = "data_rest"


class Measure(NamedTuple):
    """One of R, F and M: what it is, and the bars of its histogram with those that stand at the axis."""

    name: str
    meaning: str
    edges: list[float]
    marked: tuple[float, ...]
    unit: str = ""


MEASURES = {
    "recency": Measure("Recency", "Days since the last purchase", queries.RECENCY, (90, 180, 360, 540, 720)),
    "frequency": Measure("Frequency", "Purchases so far", queries.FREQUENCY, (1, 2, 3, 5, 10, 20, 50, 100)),
    "monetary": Measure("Monetary value", "Pounds spent", queries.MONETARY, (10, 100, 1_000, 10_000, 100_000), "£"),
}


def show(engine: Engine) -> None:
    """The page; it is counted once for an event day, and does not draw itself anew."""
    page.show(engine, "Data", NOTE, partial(_draw, engine))


def _draw(engine: Engine, moment: Moment) -> None:
    now = moment.progress.event_time
    assert now is not None  # noqa: S101 - the page is drawn where there is an event time only
    with st.spinner("Adding up the ledger …"):
        ledger = connection.memory(engine).ledger.read(moment.connection, moment.progress)
    if ledger is None:
        st.html('<div class="sg-note">The first event day is not over yet: this page counts whole days only.</div>')
        return
    months = charts.monthly(ledger.revenue, ledger.months)
    _money(ledger, months)
    _countries(ledger.revenue)
    _loyalty(ledger)
    _baskets(ledger, months)
    _spread(queries.distributions(moment.connection, moment.model, now), moment.model.monetary)


def _money(ledger: Ledger, months: pd.DataFrame) -> None:
    sums = months.sum()
    st.html(
        _tiles(
            ("net revenue", style.money(sums["sold"] - sums["returned"]), "Sold less what came back"),
            ("sales", style.count(sums["sales"]), "Invoices"),
            ("credit notes", style.count(sums["returns"]), "Returns"),
            ("of sales returned", style.percent(sums["returned"], sums["sold"]), "By value"),
            ("average basket", style.money(sums["sold"] / max(sums["sales"], 1)), "Value of a sale"),
            ("buyers", style.count(ledger.buyers), "Customers with at least one purchase"),
        )
    )
    st.html(elements.title("Revenue by month", f"{_days(ledger)} Sold above the line, returned below."))
    st.plotly_chart(
        charts.revenue_bars(months),
        key="data_revenue",
        config=plotting.CONFIG,
        alt=f"Sales and returns in pounds by month; the best month is {months['sold'].idxmax():%B %Y}",
    )


def _countries(revenue: pd.DataFrame) -> None:
    table = charts.by_country(revenue)
    biggest = str(table.index[0])
    everywhere = float(table["net"].sum())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.html(
            elements.title(
                "Countries", f"Net revenue; {biggest} makes {style.percent(table['net'].iloc[0], everywhere)}."
            )
        )
        without = len(table) > 1 and st.toggle(f"Without {biggest}", key=REST, bind="query-params")
    st.html(_country_table(table.iloc[1:] if without else table, everywhere))


def _loyalty(ledger: Ledger) -> None:
    rates = charts.retention(ledger.cohorts, ledger.cohort_months)
    st.html(
        elements.title(
            "Who comes back",
            "Per cent of each month's newcomers (their number beside the month) who bought again so many months later. "
            "The first row holds everybody the shop already had.",
        )
    )
    if rates.drop(columns=0).isna().all(axis=None):
        st.html(
            '<div class="sg-note">Nobody can have come back in a later month yet: the first month is not over.</div>'
        )
        return
    own = ledger.cohorts[ledger.cohorts["cohort"] == ledger.cohorts["month"]].set_index("cohort")["customers"]
    figure = charts.retention_map(rates, own.reindex(rates.index, fill_value=0))
    st.plotly_chart(
        figure, key="data_cohorts", config=plotting.CONFIG, alt="Share of each month's newcomers who bought again"
    )


def _baskets(ledger: Ledger, months: pd.DataFrame) -> None:
    left, right = st.columns(2, gap="large")
    low, high = charts.middle(ledger.baskets, queries.BASKETS)
    bounds = (
        f"between {charts.amount(low, '£')} and {charts.amount(high, '£')}" if high < float("inf") else "over £10,000"
    )
    with left:
        st.html(elements.title("Basket values", f"Sales by their value; the one in the middle is {bounds}."))
        figure = charts.histogram(ledger.baskets, queries.BASKETS, "£", (1, 10, 100, 1_000, 10_000))
        st.plotly_chart(
            figure, key="data_baskets", config=plotting.CONFIG, alt=f"Sales by value; the median is {bounds}"
        )
    with right:
        marks = (("Share of the money sold, in per cent", charts.RETURNED), ("Credit notes to 100 sales", "#9aa3b2"))
        legend = "".join(
            f'<span class="sg-mark" style="--cause:{colour}">{escape(words)}</span>' for words, colour in marks
        )
        st.html(elements.title("Returns by month") + f'<div class="sg-note">{legend}</div>')
        figure = charts.returns_lines(months)
        st.plotly_chart(
            figure, key="data_returns", config=plotting.CONFIG, alt="What came back, as a share of what was sold"
        )


def _spread(bars: pd.DataFrame, definition: str) -> None:
    st.html(
        elements.title(
            "How customers spread", "Everybody who ever bought, at this moment: what their segments rest on."
        )
    )
    for column, (key, measure) in zip(st.columns(3, gap="large"), MEASURES.items(), strict=True):
        counted = f", {'net of returns' if definition == 'net' else 'gross'}" if measure.unit else ""
        with column:
            st.html(elements.title(measure.name, measure.meaning + counted))
            own = bars[bars["measure"] == key]
            figure = charts.histogram(own, measure.edges, measure.unit, measure.marked)
            st.plotly_chart(
                figure, key=f"data_{key}", config=plotting.CONFIG, alt=f"Customers by {measure.name.lower()}"
            )


def _days(ledger: Ledger) -> str:
    return f"Whole event days before {style.day(ledger.until)} (UTC)."


def _tiles(*tiles: tuple[str, str, str]) -> str:
    cells = "".join(
        f'<div class="sg-total" title="{escape(meaning)}"><b data-total="{name}">{value}</b><span>{name}</span></div>'
        for name, value, meaning in tiles
    )
    return f'<div class="sg-totals">{cells}</div>'


def _country_table(table: pd.DataFrame, everywhere: float) -> str:
    top = max(float(table["net"].max()), 1.0)
    rows = "".join(_country(str(name), row, top, everywhere) for name, row in table.head(MOST_COUNTRIES).iterrows())
    rest = table.iloc[MOST_COUNTRIES:]
    if len(rest):
        rows += _country(f"{len(rest)} more", rest.sum(), top, everywhere)
    head = (
        '<th>Country</th><th class="sg-wide"></th><th class="sg-right">Net revenue</th><th class="sg-right">Share</th>'
        '<th class="sg-right sg-wide">Sales</th><th class="sg-right">Returned</th>'
    )
    return f'<table class="sg-table sg-countries"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _country(name: str, row: "pd.Series[float]", top: float, everywhere: float) -> str:
    width = 100 * max(float(row["net"]), 0.0) / top
    return (
        f'<tr data-country="{escape(name)}"><td>{escape(name)}</td>'
        '<td class="sg-wide sg-strip-cell"><div class="sg-share">'
        f'<i style="width:{min(width, 100):.1f}%"></i></div></td>'
        f'<td class="sg-right"><b>{style.money(row["net"])}</b></td>'
        f'<td class="sg-right">{style.percent(row["net"], everywhere)}</td>'
        f'<td class="sg-right sg-wide">{row["sales"]:,.0f}</td>'
        f'<td class="sg-right">{style.percent(row["returned"], row["sold"])}</td></tr>'
    )
