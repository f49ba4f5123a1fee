"""The figures of the page "Campaigns": both groups over the days, and the difference with its interval."""

from typing import Literal

import numpy as np
import plotly.graph_objects as go

from dashboard.shared.plotting import ACCENT, faded, plain
from models.campaigns.compare import CampaignComparison, Difference, Group
from models.units import Floats
from runtime.money import Money

Measure = Literal["share", "money", "orders"]
MEASURES: dict[Measure, str] = {"share": "Buyers", "orders": "Orders", "money": "Net spend"}
HELD_OUT = "#8a93a3"
_FORMATS = {"share": ".0%", "points": ".0f", "orders": ",.1f"}
_POINTS = 100


def groups(comparison: CampaignComparison, measure: Measure, money: Money) -> go.Figure:
    """A value per customer of both groups at the end of each day since the start."""
    figure = go.Figure()
    days = list(range(comparison.days + 1))
    for name, group, colour, dash in (
        ("Treated", comparison.treated, ACCENT, "solid"),
        ("Held out", comparison.held_out, HELD_OUT, "dash"),
    ):
        values = np.concatenate([[0.0], _values(group, measure)])
        figure.add_scatter(
            x=days,
            y=values.tolist(),
            name=name,
            mode="lines",
            line={"color": colour, "width": 2.5, "dash": dash},
            customdata=[_text(value, measure, money) for value in values.tolist()],
            hovertemplate="%{customdata} " + name.lower() + "<extra></extra>",
        )
    figure.update_layout(
        hovermode="x unified", showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    )
    shown = np.concatenate([_values(group, measure) for group in (comparison.treated, comparison.held_out)])
    _axes(figure, comparison.horizon, shown, measure, money)
    return plain(figure, height=320).update_layout(margin={"t": 30})


def difference(comparison: CampaignComparison, measure: Literal["share", "money"], money: Money) -> go.Figure:
    """Treated less held out at the end of each day, with its interval; days without one have no band."""
    found: Difference = comparison.share if measure == "share" else comparison.money
    figure = go.Figure()
    days = np.arange(1, comparison.days + 1)
    known = np.isfinite(found.low)
    scale = _POINTS if measure == "share" else 1
    for bound, fill in ((found.high, None), (found.low, "tonexty")):
        figure.add_scatter(
            x=days[known].tolist(),
            y=(scale * bound[known]).tolist(),
            mode="lines",
            line={"width": 0.6, "color": faded(ACCENT, 0.7)},
            fill=fill,
            fillcolor=faded(ACCENT, 0.18),
            hoverinfo="skip",
            showlegend=False,
        )
    figure.add_scatter(
        x=days.tolist(),
        y=(scale * found.value).tolist(),
        mode="lines",
        line={"color": ACCENT, "width": 2.5},
        customdata=[_hover(found, day, measure, money) for day in range(comparison.days)],
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )
    figure.add_hline(y=0, line={"color": HELD_OUT, "width": 1.5, "dash": "dot"})
    figure.update_layout(hovermode="x unified")
    shown = np.concatenate([found.low[known], found.high[known], found.value])
    _axes(figure, comparison.horizon, shown, "points" if measure == "share" else "money", money)
    return plain(figure, height=320).update_layout(margin={"t": 30})


def _values(group: Group, measure: Measure) -> Floats:
    if measure == "share":
        return group.share
    return group.money_each if measure == "money" else group.orders / max(group.customers, 1)


def _axes(figure: go.Figure, horizon: int, values: Floats, form: str, money: Money) -> None:
    # The whole horizon, so that the reader sees how much is still to come.
    whole = {"range": [0, 1.02 * horizon], "title": "days since the start", "zeroline": False}
    figure.update_xaxes(showgrid=False, fixedrange=True, nticks=8, tickangle=0, **whole)
    marks = money.axis(values.tolist()) if form == "money" else {"tickformat": _FORMATS[form], "nticks": 6}
    figure.update_yaxes(fixedrange=True, zeroline=False, **marks)


def _text(value: float, measure: Measure, money: Money) -> str:
    if measure == "share":
        return f"{value:.1%}"
    return money.exact(value) if measure == "money" else f"{value:.2f}"


def _hover(found: Difference, day: int, measure: Measure, money: Money) -> str:
    def written(value: float) -> str:
        return f"{_POINTS * value:+.1f} points" if measure == "share" else money.exact(value)

    value = written(float(found.value[day]))
    if not np.isfinite(found.low[day]):
        return f"{value}, nothing can be said yet"
    low, high = (written(float(bound[day])) for bound in (found.low, found.high))
    return f"{value} (between {low} and {high})"
