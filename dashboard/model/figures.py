"""The model page's figures: centroids in original units, the choice of k, a comparison, and drift over time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.shared.literal import in_figure
from dashboard.shared.personas import Persona, Personas, look_up
from dashboard.shared.plotting import (
    ACCENT,
    ACCENT_FAINT,
    ACCENT_STRONG,
    BARE_AXIS,
    CAUSE_COLOURS,
    DAY_TICKS,
    dotted,
    plain,
    stacked,
)
from models.scoring import transformed, untransformed
from models.segment_model import SegmentModel
from models.units import Floats
from runtime.money import Money

GREY = "#9aa3b2"
ALARM = "#d0662c"
FEATURES = ("Recency<br>(days)", "Frequency<br>(purchases)", "Spend")
# Round numbers for the axes of the parallel plot.
_MARKS = (
    (0, 3, 7, 14, 30, 60, 120, 240, 480, 960),
    (1, 2, 3, 5, 10, 20, 50, 100, 200, 500),
    tuple(float(step * 10**power) for power in range(-1, 10) for step in (1, 3)),
)
_MARGIN = 0.3


def centroids(model: SegmentModel) -> Floats:
    """The centroids in original units, shape (k, 3): days, purchases, units of the currency."""
    columns = [untransformed(model, feature, model.centroids[:, feature]) for feature in range(len(FEATURES))]
    return np.maximum(np.column_stack(columns), 0)


def parallel(model: SegmentModel, known: Personas, money: Money) -> go.Figure:
    """Every segment's centroid as a line over three axes in original units; low recency is good, so it is on top."""
    sign = np.array([-1, 1, 1])
    heights = model.centroids * sign
    low, high = float(heights.min()) - _MARGIN, float(heights.max()) + _MARGIN
    original = centroids(model)
    figure = go.Figure()
    for place in range(3):
        figure.add_vline(x=place, line={"color": "rgba(138,145,158,0.45)", "width": 1})
        _axis(figure, model, place, low, high, money)
    for number, segment in enumerate(model.segments):
        persona = look_up(known, segment.id)
        recency, frequency, monetary = original[number]
        text = f"{recency:,.0f} days · {frequency:,.1f} purchases · {money.exact(monetary)}"
        figure.add_scatter(
            x=[0, 1, 2],
            y=heights[number],
            mode="lines+markers",
            line={"color": persona.colour, "width": 3, "shape": "spline", "smoothing": 0.5},
            marker={"size": 10},
            hovertemplate=f"{in_figure(persona.name)}: {text}<extra></extra>",
        )
    figure.update_layout(showlegend=False)
    figure.update_xaxes(tickvals=[0, 1, 2], ticktext=FEATURES, range=[-0.25, 2.45], side="top", **BARE_AXIS)
    figure.update_yaxes(visible=False, range=[low, high], fixedrange=True)
    return plain(figure, height=340)


def k_curve(curve: Sequence[Mapping[str, Any]], chosen: int) -> go.Figure:
    """Inertia (line, left) and silhouette (bars, right) of each k; the chosen one has the accent colour."""
    ks = [row["k"] for row in curve]
    figure = go.Figure()
    figure.add_bar(
        x=ks,
        y=[row.get("silhouette") for row in curve],
        yaxis="y2",
        marker={
            "color": [ACCENT_STRONG if k == chosen else "rgba(154,163,178,0.35)" for k in ks],
            "line": {"width": 0},
        },
        hovertemplate="silhouette %{y:.3f}<extra></extra>",
    )
    figure.add_scatter(
        x=ks,
        y=[row.get("inertia") for row in curve],
        mode="lines+markers",
        line={"color": GREY, "width": 2},
        marker={"size": [12 if k == chosen else 6 for k in ks], "color": [ACCENT if k == chosen else GREY for k in ks]},
        hovertemplate="k = %{x}: inertia %{y:,.0f}<extra></extra>",
    )
    figure.update_layout(
        showlegend=False,
        hovermode="x unified",
        bargap=0.45,
        yaxis={"fixedrange": True, "nticks": 4, "rangemode": "tozero", "tickformat": ",.3~r"},
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            "fixedrange": True,
            "range": [0, 1],
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
        },
    )
    figure.update_xaxes(tickvals=ks, showgrid=False, fixedrange=True)
    return plain(figure, height=260)


def moves_map(matrix: pd.DataFrame, before: Personas, after: Personas) -> go.Figure:
    """Customers by segment under one model (rows) and another (columns); cells of customers who stay are pale."""
    rows = [look_up(before, segment) for segment in matrix.index]
    columns = [look_up(after, segment) for segment in matrix.columns]
    counts = matrix.to_numpy()
    moved = counts * np.array([[a.id != b.id for b in columns] for a in rows])
    figure = go.Figure()
    figure.add_heatmap(
        z=np.sqrt(moved),
        text=counts,
        customdata=[[_cell_name(a, b) for b in columns] for a in rows],
        hovertemplate="%{customdata}: %{text:,}<extra></extra>",
        zmin=0,
        zmax=max(1.0, float(np.sqrt(moved.max(initial=0)))),
        colorscale=[[0, ACCENT_FAINT], [1, ACCENT_STRONG]],
        showscale=False,
        xgap=3,
        ygap=3,
    )
    y, x = counts.nonzero()
    figure.add_scatter(x=x, y=y, text=[f"{n:,}" for n in counts[y, x]], mode="text", hoverinfo="skip", showlegend=False)
    places = list(range(len(columns)))
    labels = [stacked(persona) for persona in columns]
    figure.update_xaxes(
        tickvals=places, ticktext=labels, range=[-0.5, len(columns) - 0.5], side="top", tickangle=0, **BARE_AXIS
    )
    names = [dotted(persona) for persona in rows]
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=names, range=[len(rows) - 0.5, -0.5], **BARE_AXIS)
    return plain(figure, height=64 + 38 * len(rows))


def drift_lines(
    rows: pd.DataFrame,
    colours: Mapping[str, str],
    names: Mapping[str, str],
    form: str,
    ceiling: float | None = None,
    money: Money | None = None,
) -> go.Figure:
    """One measure over event time: a line for each name; reference dotted, threshold dashed, new alarms as dots.

    Parameters
    ----------
    rows
        Of one measure, as :func:`dashboard.model.queries.observations` returns them.
    form
        The format of a value in d3's notation, such as ``.2f`` or ``.0%``.
    ceiling
        The upper end of the figure, even if values exceed it.
    money
        How values are written that are amounts, instead of ``form``.
    """
    figure = go.Figure()
    for name in [each for each in names if each in set(rows["name"])]:
        own = rows[rows["name"] == name]
        x = own["window_end"].dt.strftime("%Y-%m-%dT%H:%M:%S").tolist()
        colour = colours.get(name, GREY)
        value = f"%{{y:{form}}}" if money is None else "%{customdata}"
        hover = f"{in_figure(names[name])}: {value}<extra></extra>"
        texts = None if money is None else [money.exact(each) for each in own["value"]]
        line = {"color": colour, "width": 2}
        figure.add_scatter(x=x, y=own["value"].tolist(), mode="lines", line=line, customdata=texts, hovertemplate=hover)
        if own["reference"].notna().any():
            faint = {"color": colour, "width": 1, "dash": "dot"}
            figure.add_scatter(x=x, y=own["reference"].tolist(), mode="lines", line=faint, hoverinfo="skip")
        if own["threshold"].notna().any():
            limit = {"color": colour, "width": 1, "dash": "dash"}
            figure.add_scatter(x=x, y=own["threshold"].tolist(), mode="lines", line=limit, hoverinfo="skip")
        raised = own[own["alarm"] & ~own["alarm"].shift(fill_value=False)]
        figure.add_scatter(
            x=raised["window_end"].dt.strftime("%Y-%m-%dT%H:%M:%S").tolist(),
            y=raised["value"].tolist(),
            mode="markers",
            marker={"color": ALARM, "size": 10, "line": {"width": 0}},
            hoverinfo="skip",
        )
    figure.update_layout(showlegend=False, hovermode="x unified")
    figure.update_xaxes(
        showgrid=False, fixedrange=True, hoverformat="%-d %b %Y", nticks=6, tickangle=0, tickformatstops=DAY_TICKS
    )
    figure.update_yaxes(fixedrange=True, nticks=4, rangemode="tozero", tickformat=form)
    if money is not None:
        figure.update_yaxes(**money.axis(rows[["value", "reference", "threshold"]].max(), 4))
    if ceiling is not None and rows["value"].max() > ceiling:
        figure.update_yaxes(range=[0, ceiling])
    return plain(figure, height=220)


FEATURE_COLOURS = {
    "recency": ACCENT,
    "frequency": "#5bb5a2",
    "monetary": CAUSE_COLOURS["return"],
    "segments": CAUSE_COLOURS["model"],
}
FEATURE_NAMES = {"recency": "Recency", "frequency": "Frequency", "monetary": "Monetary value", "segments": "Segments"}
DAYS_COLOURS = {"within_30_days": "#5bb5a2", "within_90_days": ACCENT}
DAYS_NAMES = {"within_30_days": "Within 30 days", "within_90_days": "Within 90 days"}
MODEL_COLOURS = {"champion": ACCENT, "challenger": "#5bb5a2", "": ACCENT}


def _axis(figure: go.Figure, model: SegmentModel, place: int, low: float, high: float, money: Money) -> None:
    """Round numbers of one feature, in original units, beside its axis."""
    marks = np.array(_MARKS[place], dtype=np.float64)
    heights = transformed(model, place, marks) * (-1 if place == 0 else 1)
    last = None
    for mark, height in zip(marks, heights, strict=True):
        if not low <= height <= high or (last is not None and abs(height - last) < (high - low) / 14):
            continue
        last = height
        text = money.mark(mark) if place == 2 else f"{mark:,.0f}"
        figure.add_annotation(
            x=place,
            y=height,
            text=text,
            showarrow=False,
            # Outside of the outer axes no line crosses the labels.
            xanchor="right" if place == 0 else "left",
            xshift=-9 if place == 0 else 9,
            font={"size": 11, "color": GREY},
        )


def _cell_name(before: Persona, after: Persona) -> str:
    return in_figure(f"stay {before.name}" if before.id == after.id else f"{before.name} → {after.name}")
