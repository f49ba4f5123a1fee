"""The data page's figures: revenue, returns, cohorts and distributions."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.shared import style
from dashboard.shared.plotting import ACCENT, ACCENT_FAINT, ACCENT_STRONG, BARE_AXIS, CAUSE_COLOURS, plain
from runtime.money import Money

RETURNED = CAUSE_COLOURS["return"]
MONTH = "%b %Y"


def monthly(revenue: pd.DataFrame, months: Sequence[datetime]) -> pd.DataFrame:
    """Sums by month, in order and without gaps: sales, returns, sold, returned."""
    sums = revenue.groupby("month")[["sales", "returns", "sold", "returned"]].sum()
    return sums.reindex(pd.DatetimeIndex(pd.to_datetime(list(months), utc=True)), fill_value=0)


def by_country(revenue: pd.DataFrame) -> pd.DataFrame:
    """Sums by country, the highest net revenue first: sales, returns, sold, returned, net."""
    sums = revenue.groupby("country")[["sales", "returns", "sold", "returned"]].sum()
    return sums.assign(net=sums["sold"] - sums["returned"]).sort_values("net", ascending=False)


def retention(cohorts: pd.DataFrame, months: Sequence[datetime]) -> pd.DataFrame:
    """The share (0 to 1) of each cohort (row: month) that bought a number of months later (column: 0, 1, ...).

    Column 0 is always 1; months in the future are missing.
    """
    starts = pd.DatetimeIndex(pd.to_datetime(list(months), utc=True))
    number = {start: place for place, start in enumerate(starts)}
    cohort, month = cohorts["cohort"].map(number), cohorts["month"].map(number)
    counts = np.zeros((len(starts), len(starts)))
    counts[cohort, month - cohort] = cohorts["customers"]
    future = np.add.outer(np.arange(len(starts)), np.arange(len(starts))) >= len(starts)
    counts[future] = np.nan
    sizes = pd.Series(counts[:, 0], starts)
    return pd.DataFrame(counts, starts).div(sizes.replace(0, np.nan), axis=0)


def revenue_bars(months: pd.DataFrame, money: Money) -> go.Figure:
    """Sales (up) and returns (down) by month."""
    figure = go.Figure()
    labels = [f"{month:{MONTH}}" for month in months.index]
    figure.add_bar(
        x=labels,
        y=months["sold"],
        customdata=_with_texts(months["sold"], months["sales"], money),
        marker={"color": ACCENT_STRONG, "line": {"width": 0}},
        hovertemplate="%{customdata[0]} sold in %{customdata[1]:,} sales<extra></extra>",
    )
    figure.add_bar(
        x=labels,
        y=-months["returned"],
        customdata=_with_texts(months["returned"], months["returns"], money),
        marker={"color": RETURNED, "line": {"width": 0}},
        hovertemplate="%{customdata[0]} returned in %{customdata[1]:,} credit notes<extra></extra>",
    )
    figure.update_layout(barmode="relative", hovermode="x unified", showlegend=False, bargap=0.25)
    figure.update_xaxes(showgrid=False, fixedrange=True, nticks=5, tickangle=0)
    figure.update_yaxes(fixedrange=True, zeroline=True, **money.axis([*months["sold"], *-months["returned"]]))
    return plain(figure, height=280)


def returns_lines(months: pd.DataFrame) -> go.Figure:
    """Returns as a share of the money sold, and credit notes per hundred sales, by month."""
    figure = go.Figure()
    labels = [f"{month:{MONTH}}" for month in months.index]
    for part, whole, colour, words in (
        ("returned", "sold", RETURNED, "of the money sold"),
        ("returns", "sales", "#9aa3b2", "credit notes per 100 sales"),
    ):
        share = 100 * months[part] / months[whole].replace(0, np.nan)
        unit = "%" if part == "returned" else ""
        figure.add_scatter(
            x=labels,
            y=share,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 5},
            hovertemplate=f"%{{y:.1f}}{unit} {words}<extra></extra>",
        )
    figure.update_layout(hovermode="x unified", showlegend=False)
    figure.update_xaxes(showgrid=False, fixedrange=True, nticks=5, tickangle=0)
    figure.update_yaxes(fixedrange=True, nticks=5, rangemode="tozero")
    return plain(figure, height=240)


def retention_map(rates: pd.DataFrame, sizes: pd.Series) -> go.Figure:
    """The share of each month's new customers who bought again, by months since; without the first month itself."""
    shown = rates.drop(columns=0).dropna(how="all").dropna(how="all", axis=1)
    percent = 100 * shown.to_numpy()
    rows = [f"{month:{MONTH}} · {sizes[month]:,.0f}" for month in shown.index]
    figure = go.Figure()
    figure.add_heatmap(
        z=percent,
        x=[*shown.columns],
        y=rows,
        customdata=np.rint(shown.mul(sizes.loc[shown.index], axis=0).to_numpy()),
        colorscale=[[0, ACCENT_FAINT], [1, ACCENT]],
        zmin=0,
        # The first cohort contains the customers that the shop already had; it would dominate the scale.
        zmax=max(1.0, float(np.nanmax(percent[1:]))) if len(percent) > 1 else None,
        showscale=False,
        hoverongaps=False,
        xgap=2,
        ygap=2,
        hovertemplate="First bought in %{y}: %{z:.0f}% (%{customdata:,}) bought again %{x} months later<extra></extra>",
    )
    y, x = np.nonzero(~np.isnan(percent))
    figure.add_scatter(
        x=shown.columns.to_numpy()[x],
        y=[rows[number] for number in y],
        text=[f"{share:.0f}" for share in percent[y, x]],
        mode="text",
        textfont={"size": 11},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_xaxes(side="top", tickvals=[1, *range(3, len(rates), 3)], tickangle=0, **BARE_AXIS)
    figure.update_yaxes(autorange="reversed", type="category", **BARE_AXIS)
    return plain(figure, height=60 + 24 * len(shown))


def histogram(
    bars: pd.DataFrame, edges: Sequence[float], marked: Sequence[float], money: Money | None = None
) -> go.Figure:
    """Counts in bars with the lower bounds ``edges`` (ascending), and in one bar below the first bound.

    Parameters
    ----------
    bars
        Columns lower (0 for below the first edge), and sales or customers.
    marked
        The edges that are labelled on the axis.
    money
        How edges are written that are amounts; others are whole numbers.
    """
    (name,) = [column for column in bars.columns if column in ("sales", "customers")]
    counts = bars.groupby("lower")[name].sum().reindex([0.0, *edges], fill_value=0).to_numpy()
    first, end = _between(counts)
    figure = go.Figure()
    figure.add_bar(
        x=list(range(first, end)),
        y=counts[first:end],
        customdata=ranges(edges, money)[first:end],
        marker={"color": ACCENT_STRONG, "line": {"width": 0}},
        hovertemplate="%{customdata}: %{y:,} " + name + "<extra></extra>",
    )
    places = {number: place for place, number in enumerate(edges, start=1)}
    figure.update_layout(bargap=0.12, showlegend=False)
    figure.update_xaxes(
        showgrid=False,
        fixedrange=True,
        tickangle=0,
        # A label is where its bar begins.
        tickvals=[places[number] - 0.5 for number in marked],
        ticktext=[edge(number, money) for number in marked],
        range=[first - 0.6, end - 0.4],
    )
    figure.update_yaxes(fixedrange=True, nticks=4, rangemode="tozero", tickformat=",d")
    return plain(figure, height=220)


def ranges(edges: Sequence[float], money: Money | None) -> list[str]:
    """The ranges of a histogram's bars, in words.

    >>> ranges([10.0, 20.0], Money("GBP", "en_GB"))
    ['under £10', '£10–£20', '£20+']
    >>> ranges([1.0, 2.0, 4.0], None)[1:]
    ['1', '2–3', '4+']
    """
    inner = []
    for low, high in pairwise(edges):
        last = high if money else high - 1
        inner.append(edge(low, money) if last == low else f"{edge(low, money)}–{edge(last, money)}")
    return [f"under {edge(edges[0], money)}", *inner, f"{edge(edges[-1], money)}+"]


def edge(value: float, money: Money | None) -> str:
    """An edge as text.

    >>> pounds = Money("GBP", "en_GB")
    >>> edge(1.5, pounds), edge(2_000.0, pounds), edge(30.0, None)
    ('£1.50', '£2,000', '30')
    """
    return style.count(value) if money is None else money.mark(value)


def median_bar(bars: pd.DataFrame, edges: Sequence[float]) -> tuple[float, float]:
    """The bounds of the bar with the median sale; the upper bound of the last bar is infinite."""
    counts = bars.groupby("lower")["sales"].sum().reindex([0.0, *edges], fill_value=0).cumsum()
    place = int(np.searchsorted(counts.to_numpy(), counts.iloc[-1] / 2))
    bounds = [0.0, *edges, float("inf")]
    return bounds[place], bounds[place + 1]


def _with_texts(amounts: "pd.Series[float]", numbers: "pd.Series[int]", money: Money) -> list[tuple[str, int]]:
    return [(money.rounded(amount), int(number)) for amount, number in zip(amounts, numbers, strict=True)]


def _between(counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[int, int]:
    """The numbers of the first bar that is not empty, and of the one after the last."""
    filled = np.flatnonzero(counts)
    return (int(filled[0]), int(filled[-1]) + 1) if filled.size else (0, len(counts))
