"""The simulator's figures: the distance to each segment, and two futures side by side."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pandas as pd
import plotly.graph_objects as go

from dashboard.shared.literal import in_figure
from dashboard.shared.personas import Persona
from dashboard.shared.plotting import ACCENT, BARE_AXIS, DAY_TICKS, MS_PER_DAY, dotted, plain
from dashboard.simulator.simulation import PURCHASE, Step
from models.units import Floats

SHORTEST, LONGEST = timedelta(days=120), timedelta(days=3 * 365)
ISO = "%Y-%m-%dT%H:%M:%S"
# A band has its segment's name if it has at least this share of the width.
ROOM_FOR_NAME = 0.11


def distances(personas: list[Persona], values: Floats) -> go.Figure:
    """The distance to each segment's centroid, the nearest at the top."""
    order = sorted(range(len(personas)), key=lambda number: -float(values[number]))
    figure = go.Figure()
    figure.add_bar(
        x=[float(values[number]) for number in order],
        y=list(range(len(order))),
        orientation="h",
        width=0.58,
        marker={
            "color": [personas[number].colour for number in order],
            "opacity": [0.45] * (len(order) - 1) + [1.0],
            "line": {"width": 0},
        },
        customdata=[in_figure(personas[number].name) for number in order],
        hovertemplate="%{customdata}: %{x:.3f}<extra></extra>",
    )
    # The numbers are a trace of their own, so that they have the theme's text colour.
    figure.add_scatter(
        x=[float(values[number]) for number in order],
        y=list(range(len(order))),
        mode="text",
        text=[f"  {values[number]:.2f}" for number in order],
        textposition="middle right",
        hoverinfo="skip",
    )
    figure.update_xaxes(range=[0, 1.18 * max(float(values.max()), 0.1)], showticklabels=False, **BARE_AXIS)
    ticks = [dotted(personas[number]) for number in order]
    figure.update_yaxes(tickvals=list(range(len(order))), ticktext=ticks, **BARE_AXIS)
    figure.update_layout(showlegend=False)
    return plain(figure, height=26 + 36 * len(order))


def futures(paths: Mapping[str, list[Step]], personas: list[Persona], end: datetime) -> go.Figure:
    """The segments of each future over time, one row per future, the first at the top.

    Parameters
    ----------
    personas
        By segment number.
    end
        The end of the figure.
    """
    figure = go.Figure()
    rows = len(paths)
    for row, path in enumerate(reversed([*paths.values()])):
        stops = [*(step.at for step in path[1:]), end]
        for step, stop in zip(path, stops, strict=True):
            if step.at < min(stop, end):
                _band(figure, row, step.at, min(stop, end), personas[step.segment], end - path[0].at)
        for step in path:
            if step.cause == PURCHASE:
                _purchase(figure, row, step.at)
    start = next(iter(paths.values()))[0].at
    figure.update_layout(barmode="overlay", showlegend=False)
    figure.update_xaxes(
        type="date",
        range=[_iso(start), _iso(end)],
        showgrid=False,
        fixedrange=True,
        nticks=6,
        tickformatstops=DAY_TICKS,
    )
    figure.update_yaxes(
        tickvals=list(range(rows)),
        ticktext=[in_figure(name) for name in reversed([*paths])],
        range=[-0.55, rows - 0.4],
        **BARE_AXIS,
    )
    return plain(figure, height=40 + 68 * rows)


def horizon(paths: Mapping[str, list[Step]]) -> datetime:
    """The end of the figure: after the nearer steps of all futures, from four months to three years ahead."""
    start = next(iter(paths.values()))[0].at
    steps = [step.at - start for path in paths.values() for step in path if step.at - start <= LONGEST * 0.85]
    return start + min(max(1.18 * max(steps), SHORTEST), LONGEST)


def _band(figure: go.Figure, row: int, start: datetime, stop: datetime, persona: Persona, whole: timedelta) -> None:
    shown = in_figure(persona.name)
    figure.add_bar(
        base=[_iso(start)],
        x=[(stop - start) / timedelta(days=1) * MS_PER_DAY],
        y=[row],
        orientation="h",
        width=0.56,
        marker={"color": persona.colour, "line": {"width": 0}, "cornerradius": 4},
        text=shown if (stop - start) / whole > ROOM_FOR_NAME else "",
        textposition="inside",
        insidetextanchor="middle",
        textfont={"color": "#ffffff" if _is_dark(persona.colour) else "#14161b"},
        textangle=0,
        constraintext="both",
        hovertemplate=f"{shown} from {start:%-d %b %Y, %H:%M}<extra></extra>",
    )


def _purchase(figure: go.Figure, row: int, at: datetime) -> None:
    figure.add_scatter(
        x=[_iso(at)],
        y=[row + 0.38],
        mode="markers",
        marker={"symbol": "triangle-down", "size": 13, "color": ACCENT},
        hovertemplate="purchase, %{x|%-d %b %Y}<extra></extra>",
    )


def _is_dark(colour: str) -> bool:
    """Whether white is easier to read than black on a colour (WCAG 2: relative luminance below 0.179)."""
    parts = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)) < 0.179


def _iso(moment: datetime) -> str:
    return str(pd.Timestamp(moment).tz_convert("UTC").strftime(ISO))
