"""Distributions of recency, frequency and monetary value, raw and on the log scale that models use."""

from typing import Any

import numpy as np
import pandas as pd
from plotly.subplots import make_subplots

from batch.explore import formats, style
from batch.explore.finding import Finding
from batch.profiles import features
from models.segment_model import FEATURES, Monetary
from models.units import Floats
from models.window_text import in_last_days
from runtime.counts import many
from runtime.money import Money

BINS = 30
UNITS = {"recency": "days", "frequency": "orders", "monetary": "money"}


def histograms(table: pd.DataFrame) -> pd.DataFrame:
    """Histograms of each feature, raw and after log1p.

    Returns
    -------
    DataFrame
        ``feature``, ``scale`` (``raw`` or ``log1p``), ``left`` and ``right`` (edges of the bin on that scale), ``low``
        and ``high`` (the same in the feature's own units; days and orders are whole), ``customers``, and ``density``
        (share of customers per unit of the scale, so that bins of unequal width are comparable).
    """
    parts = []
    for feature in FEATURES:
        values = table[feature].to_numpy()
        is_whole = feature != "monetary"
        for scale in ("raw", "log1p"):
            edges = (_log_edges if scale == "log1p" else _raw_edges)(values, is_whole)
            counts = np.histogram(values, bins=edges)[0]
            shown = np.log1p(edges) if scale == "log1p" else edges
            inside = np.ceil(edges) if is_whole else edges
            bins = {
                "feature": feature,
                "scale": scale,
                "left": shown[:-1],
                "right": shown[1:],
                "low": inside[:-1],
                "high": inside[1:] - 1 if is_whole else inside[1:],
                "customers": counts,
                "density": counts / len(values) / np.diff(shown),
            }
            parts.append(pd.DataFrame(bins))
    return pd.concat(parts, ignore_index=True)


def skewness(table: pd.DataFrame) -> pd.DataFrame:
    """Skewness of each feature (rows) ``raw`` and after ``log1p`` (columns); 0 is symmetric."""
    return pd.DataFrame({"raw": table.skew(), "log1p": table.apply(np.log1p).skew()})


def rfm_distributions(
    profiles: pd.DataFrame, monetary: Monetary, money: Money, window_days: int | None = None
) -> Finding:
    """Six histograms: recency, frequency and monetary value, raw and logged.

    With the window of the profiles, they are of the customers with an order in it.
    """
    table = features(profiles[profiles["frequency"] > 0], monetary)
    bins, skew = histograms(table), skewness(table)
    median = table.median()
    when = in_last_days(window_days)
    summary = (
        f"The median customer last ordered {median['recency']:.0f} days ago, has {median['frequency']:.0f} orders and "
        f"spent {formats.amount(median['monetary'], money)}{when}. On a log scale the skewness of frequency falls from "
        f"{skew['raw']['frequency']:.1f} to {skew['log1p']['frequency']:.1f}, that of money from "
        f"{skew['raw']['monetary']:.1f} to {skew['log1p']['monetary']:.1f}."
    )
    figure = make_subplots(
        rows=3, cols=2, figure=style.figure(720), horizontal_spacing=0.12, vertical_spacing=0.13,
        column_titles=["raw", "log1p"],
    )  # fmt: skip
    for row, feature in enumerate(FEATURES, start=1):
        for column, scale in enumerate(("raw", "log1p"), start=1):
            part = bins[(bins["feature"] == feature) & (bins["scale"] == scale)]
            figure.add_bar(row=row, col=column, **_bars(part, money if feature == "monetary" else None))
            write = money if feature == "monetary" else None
            top = float(part["high"].max())
            ticks = style.log_ticks(top, write) if column == 2 else write.axis([top]) if write else {"nticks": 5}
            figure.update_xaxes(row=row, col=column, title=UNITS[feature], showgrid=False, **ticks)
    figure.update_yaxes(showticklabels=False, nticks=4)
    figure.update_yaxes(title="density", col=1)
    figure.update_layout(showlegend=False, bargap=0, margin={"t": 40})
    what = "net of returns, but at least 0" if monetary == "net" else "before returns"
    note = (
        f"{many(len(table), 'customer')} with at least one order{when}, as of the end of the data; money is "
        f"{what}. {_inactive(len(profiles) - len(table), window_days)}"
        "Skewness 0 is symmetric. With high skewness, a few very large customers dominate distances."
    )
    return Finding("rfm", "Recency, frequency and monetary value", summary, bins, figure, note=note)


def _inactive(number: int, window_days: int | None) -> str:
    """Who is left out because of a window, as a sentence; empty without one."""
    if window_days is None:
        return ""
    return f"{many(number, 'more customer')} without one {'is' if number == 1 else 'are'} Inactive. "


def _raw_edges(values: Floats, is_whole: bool) -> Floats:
    """Edges of equal bins; for integers, the last edge is one above the maximum."""
    return np.linspace(0.0, values.max() + 1 if is_whole else values.max() or 1.0, BINS + 1)


def _log_edges(values: Floats, is_whole: bool) -> Floats:
    """Edges of equal bins on a log1p scale; for integers, edges are halfway between two integers."""
    if not is_whole:
        edges = np.expm1(np.linspace(0.0, np.log1p(values.max()) or 1.0, BINS + 1))
        # expm1(log1p(x)) can be slightly less than x, which would exclude the maximum.
        return np.asarray(np.append(edges[:-1], max(edges[-1], values.max())))
    equal = np.expm1(np.linspace(np.log1p(values.min()), np.log1p(values.max() + 0.5), BINS + 1))
    # Round first, because expm1(log1p(1)) is slightly more than 1.
    return np.unique(np.ceil(equal.round(6)) - 0.5)


def _bars(part: pd.DataFrame, money: Money | None) -> dict[str, Any]:
    write = "{:,.0f}".format if money is None else money.rounded
    return {
        "x": part["left"],
        "width": part["right"] - part["left"],
        "offset": 0,
        "y": part["density"],
        "customdata": [
            (write(low), write(high), int(customers))
            for low, high, customers in zip(part["low"], part["high"], part["customers"], strict=True)
        ],
        "marker": {"color": style.ACCENT, "line": {"width": 0}},
        "hovertemplate": "%{customdata[0]} to %{customdata[1]}: %{customdata[2]:,} customers<extra></extra>",
    }
