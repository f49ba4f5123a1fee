"""The figures: pure functions from small frames to plotly, one visual language for light and dark.

Colours that carry meaning are set here; fonts, grid lines and backgrounds are left to the page's theme.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.personas import Persona, Personas, look_up
from dashboard.words import cause, in_order

ACCENT, ACCENT_FAINT, ACCENT_STRONG = "#6f6bdf", "rgba(111,107,223,0.08)", "rgba(111,107,223,0.62)"
# Time alone is the story and has the accent; the other causes stay behind it.
CAUSE_COLOURS = {
    "decay": ACCENT,
    "purchase": "#9aa3b2",
    "return": "#d98a6a",
    "model": "#c9a94b",
    "first_purchase": "#5bb5a2",
}
OTHER_CAUSE = "#b6bcc8"
MS_PER_DAY = 86_400_000
CLEAR = "rgba(0,0,0,0)"
# Bare: no tool bar that hides the figure on a phone, no zoom that the next refresh would fight.
CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}


def cause_colour(code: str) -> str:
    """The colour of a cause, the same in every figure and table."""
    return CAUSE_COLOURS.get(code, OTHER_CAUSE)


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
        ticktext=[_stacked(persona) for persona in columns],
        range=[-0.5, len(columns) - 0.5],
        side="top",
        tickangle=0,
        **_BARE_AXIS,
    )
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[_dotted(persona) for persona in rows],
        range=[len(rows) - 0.5, -0.5],
        **_BARE_AXIS,
    )
    return _plain(figure, height=64 + 38 * len(rows))


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
    return _plain(figure, height=230)


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
    return _plain(figure, height=70)


_BARE_AXIS: dict[str, Any] = {
    "showgrid": False,
    "zeroline": False,
    "showline": False,
    "fixedrange": True,
    "ticks": "",
    "automargin": True,
}


def _dotted(persona: Persona) -> str:
    return f"{_dot(persona)} {escape(persona.name)}"


def _stacked(persona: Persona) -> str:
    # The dot comes last: where there is no room for words, the style sheet hides all lines but this one.
    return "<br>".join([*map(escape, persona.name.split()), _dot(persona)])


def _dot(persona: Persona) -> str:
    return f'<span style="color:{persona.colour}">●</span>'


def _plain(figure: go.Figure, height: int) -> go.Figure:
    return figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 0, "pad": 4},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        # The same revision on every refresh: plotly updates the figure in place.
        uirevision="same",
        font={"size": 13},
        hoverlabel={"font": {"size": 13}},
    )
