"""The live page's figures: pure functions from small frames to plotly."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from dashboard.shared.labels import cause, in_order
from dashboard.shared.plotting import ACCENT, ACCENT_FAINT, ACCENT_STRONG, DAY_TICKS, MS_PER_DAY, cause_colour, plain


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
    figure.update_xaxes(showgrid=False, fixedrange=True, hoverformat="%-d %b %Y", nticks=8, tickformatstops=DAY_TICKS)
    figure.update_yaxes(fixedrange=True, nticks=4, rangemode="tozero", tickformat=",d")
    return plain(figure, height=230)


def sparkline(values: Sequence[float], length: int) -> go.Figure:
    """The last values as a line without axes, the newest at the right, in a figure that is ``length`` values wide."""
    figure = go.Figure()
    figure.add_scatter(
        x=list(range(length - len(values), length)),
        y=list(values),
        mode="lines",
        line={"color": ACCENT, "width": 2},
        fill="tozeroy",
        fillcolor=ACCENT_FAINT,
        hovertemplate="%{y:,.0f} per second<extra></extra>",
    )
    top = max([1.0, *values])
    figure.add_hline(y=0, line={"color": ACCENT_STRONG, "width": 1})
    figure.update_xaxes(visible=False, range=[0, length - 1], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-0.04 * top, 1.1 * top], fixedrange=True)
    return plain(figure, height=70)
