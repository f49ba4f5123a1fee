"""The live page's figures: pure functions from small frames to plotly."""

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.base import (
    ACCENT,
    ACCENT_FAINT,
    ACCENT_STRONG,
    BARE_AXIS,
    MS_PER_DAY,
    cause_colour,
    dotted,
    plain,
    stacked,
)
from dashboard.personas import Personas, look_up
from dashboard.words import cause, in_order


def flow_matrix(flows: pd.DataFrame, known: Personas) -> pd.DataFrame:
    """Changes from each row's segment to each column's, both in the personas' order; "" is the row of entries.

    Parameters
    ----------
    flows
        Columns from_segment, to_segment, changes (and cause, summed over).
    """
    table = flows.pivot_table(index="from_segment", columns="to_segment", values="changes", aggfunc="sum", fill_value=0)
    retired = sorted(({*table.index} | {*table.columns}) - {*known, ""})
    columns = [*known, *retired]
    return table.reindex(index=[*columns, ""], columns=columns, fill_value=0).astype("int64")


def flow_heat_map(flows: pd.DataFrame, known: Personas) -> go.Figure:
    """From whom (rows) to whom (columns) customers moved, as counts on a square-root scale of the accent."""
    matrix = flow_matrix(flows, known)
    rows = [look_up(known, segment) for segment in matrix.index]
    columns = [look_up(known, segment) for segment in matrix.columns]
    counts = matrix.to_numpy()
    figure = go.Figure()
    figure.add_heatmap(
        z=np.sqrt(counts),
        customdata=[[escape(f"{a.name} → {b.name}") for b in columns] for a in rows],
        text=counts,
        hovertemplate="%{customdata}: %{text:,}<extra></extra>",
        zmin=0,
        zmax=max(1.0, float(np.sqrt(counts.max()))),
        colorscale=[[0, ACCENT_FAINT], [1, ACCENT_STRONG]],
        showscale=False,
        xgap=3,
        ygap=3,
    )
    # The numbers are a trace of their own: they take the theme's text colour, which reads on every shade.
    y, x = counts.nonzero()
    figure.add_scatter(x=x, y=y, text=[f"{n:,}" for n in counts[y, x]], mode="text", hoverinfo="skip", showlegend=False)
    figure.update_xaxes(
        tickvals=list(range(len(columns))),
        ticktext=[stacked(persona) for persona in columns],
        range=[-0.5, len(columns) - 0.5],
        side="top",
        tickangle=0,
        **BARE_AXIS,
    )
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[dotted(persona) for persona in rows],
        range=[len(rows) - 0.5, -0.5],
        **BARE_AXIS,
    )
    return plain(figure, height=64 + 38 * len(rows))


def rhythm_bars(rhythm: pd.DataFrame, bin_days: int) -> go.Figure:
    """Changes over event time, one bar per bin, stacked by cause with time alone at the bottom.

    Parameters
    ----------
    rhythm
        Columns at, cause, changes.
    """
    figure = go.Figure()
    for code in in_order(rhythm["cause"]):
        part = rhythm[rhythm["cause"] == code]
        starts = pd.to_datetime(part["at"], utc=True)
        figure.add_bar(
            x=starts.dt.strftime("%Y-%m-%dT%H:%M:%S").tolist(),
            y=part["changes"].tolist(),
            name=cause(code).phrase,
            marker={"color": cause_colour(code), "line": {"width": 0}},
            width=bin_days * MS_PER_DAY * 0.82,
            offset=bin_days * MS_PER_DAY * 0.09,
            hovertemplate="%{y:,} " + cause(code).phrase + "<extra></extra>",
        )
    figure.update_layout(barmode="stack", hovermode="x unified", showlegend=False)
    figure.update_xaxes(showgrid=False, fixedrange=True, hoverformat="%-d %b %Y", nticks=8)
    figure.update_yaxes(fixedrange=True, nticks=4, rangemode="tozero", tickformat=",d")
    return plain(figure, height=230)


def sparkline(values: Sequence[float], length: int) -> go.Figure:
    """The last values as a line without axes, the newest at the right; room is kept for ``length`` of them."""
    figure = go.Figure()
    figure.add_scatter(
        x=list(range(length - len(values), length)),
        y=list(values),
        mode="lines",
        line={"color": ACCENT, "width": 2},
        fill="tozeroy",
        fillcolor=ACCENT_FAINT,
        hovertemplate="%{y:,.0f} a second<extra></extra>",
    )
    top = max([1.0, *values])
    figure.add_hline(y=0, line={"color": ACCENT_STRONG, "width": 1})
    figure.update_xaxes(visible=False, range=[0, length - 1], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-0.04 * top, 1.1 * top], fixedrange=True)
    return plain(figure, height=70)
