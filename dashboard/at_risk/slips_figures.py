"""The figure of the moves by time alone: upcoming slips by day or week."""

from datetime import timedelta

import pandas as pd
import plotly.graph_objects as go

from dashboard.shared.flows import A_MONDAY
from dashboard.shared.literal import in_figure
from dashboard.shared.personas import Personas, look_up
from dashboard.shared.plotting import DAY_TICKS, MS_PER_DAY, plain
from runtime.money import Money

WEEK = 7


def bin_days(horizon: int) -> int:
    """How many days one bar covers: one up to three months ahead, a week (from Monday on) beyond."""
    return 1 if horizon <= 92 else WEEK


def slip_bars(days: pd.DataFrame, known: Personas, measure: str, width: int, money: Money) -> go.Figure:
    """Customers (or spend) about to leave each good segment, a bar per ``width`` days, stacked by segment.

    Parameters
    ----------
    days
        Columns day, from_segment, customers, worth, as :func:`dashboard.at_risk.slips_queries.calendar` returns them.
    measure
        ``customers`` or ``worth``.
    """
    binned = A_MONDAY + (days["day"] - A_MONDAY) // timedelta(days=width) * timedelta(days=width)
    bars = days.assign(day=binned).groupby(["from_segment", "day"], as_index=False)[measure].sum()
    is_money = measure == "worth"
    number = "%{customdata}" if is_money else "%{y:,}"
    figure = go.Figure()
    present = {*bars["from_segment"]}
    for segment in [segment for segment in reversed([*known]) if segment in present]:
        part = bars[bars["from_segment"] == segment]
        persona = look_up(known, segment)
        figure.add_bar(
            x=part["day"].dt.strftime("%Y-%m-%dT%H:%M:%S").tolist(),
            y=part[measure].tolist(),
            customdata=[money.rounded(amount) for amount in part[measure]] if is_money else None,
            name=in_figure(persona.name),
            marker={"color": persona.colour, "line": {"width": 0}},
            width=width * MS_PER_DAY * 0.82,
            offset=width * MS_PER_DAY * 0.09,
            hovertemplate=f"{number} {in_figure(persona.name)}<extra></extra>",
        )
    figure.update_layout(barmode="stack", hovermode="x unified", showlegend=False)
    hover = "%a %-d %b %Y" if width == 1 else "Week of %-d %b %Y"
    figure.update_xaxes(showgrid=False, fixedrange=True, hoverformat=hover, nticks=8, tickformatstops=DAY_TICKS)
    figure.update_yaxes(fixedrange=True, nticks=5, rangemode="tozero", tickformat=",~d")
    if is_money:
        stacks = [bars[up].groupby(bars["day"])[measure].sum() for up in (bars[measure] > 0, bars[measure] < 0)]
        figure.update_yaxes(**money.axis(pd.concat(stacks)))
    return plain(figure, height=280)
