"""The segments page's figures, on logarithmic scales: a histogram per segment, and customers in three dimensions."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.segments.distributions import PER_DECADE
from dashboard.shared.literal import in_figure
from dashboard.shared.personas import Persona, Personas
from dashboard.shared.plotting import BARE_AXIS, CLEAR, dotted, faded, plain
from runtime.money import LONG, Money

TICKS = (0, 1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
NEUTRAL, NEUTRAL_LINE = "#8a919e", "rgba(138,145,158,0.28)"
AXES = {"recency": "Recency (days)", "frequency": "Purchases", "monetary": "Spend"}
RIDGE = 0.86


def ridges(
    bins: pd.DataFrame, medians: dict[str, float], known: Personas, measure: str, money: Money | None = None
) -> go.Figure:
    """The distribution of a measure in each segment, as ridges of equal height.

    Parameters
    ----------
    bins
        Columns segment, bin (see :mod:`dashboard.segments.distributions`), customers.
    medians
        By segment; marked at the ridge's base.
    money
        How values are written that are amounts.
    """
    figure = go.Figure()
    shown = [persona for persona in known.values() if persona.id in set(bins["segment"])]
    last = int(bins["bin"].max()) if len(bins) else 0
    for row, persona in enumerate(reversed(shown)):
        _ridge(figure, persona, bins[bins["segment"] == persona.id], row, last, money)
        _median(figure, persona, medians[persona.id], row, measure, money)
    figure.update_layout(showlegend=False)
    figure.update_xaxes(
        **_log_ticks((last + 1) / PER_DECADE, money), range=[-0.05, (last + 1.3) / PER_DECADE], tickangle=0
    )
    figure.update_xaxes(gridcolor=NEUTRAL_LINE, zeroline=False, fixedrange=True)
    figure.update_yaxes(
        tickvals=[row + 0.3 for row in range(len(shown))],
        ticktext=[dotted(persona) for persona in reversed(shown)],
        range=[-0.18, max(len(shown), 1) + 0.05],
        **BARE_AXIS,
    )
    return plain(figure, height=70 + 58 * max(len(shown), 1))


def cloud(sample: pd.DataFrame, known: Personas, money: Money) -> go.Figure:
    """Customers in the space of R, F and M, in their personas' colours.

    Parameters
    ----------
    sample
        Columns customer_id, segment, recency, frequency, monetary.
    """
    figure = go.Figure()
    for persona in known.values():
        part = sample[sample["segment"] == persona.id]
        if part.empty:
            continue
        raw = part[[*AXES]].astype("float64")
        x, y, z = (np.log10(1 + raw[name]).tolist() for name in AXES)
        figure.add_scatter3d(
            x=x,
            y=y,
            z=z,
            mode="markers",
            name=in_figure(persona.name),
            marker={"size": 3.2, "color": persona.colour, "opacity": 0.75, "line": {"width": 0}},
            text=part["customer_id"].map(in_figure).tolist(),
            customdata=[
                (days, purchases, money.exact(spend))
                for days, purchases, spend in zip(*(part[name] for name in AXES), strict=True)
            ],
            hovertemplate="%{text}: %{customdata[0]:,.0f} days, %{customdata[1]:,.0f} purchases, "
            "%{customdata[2]}<extra>" + in_figure(persona.name) + "</extra>",
        )
    axis = {
        "gridcolor": NEUTRAL,
        "gridwidth": 1,
        "linecolor": NEUTRAL,
        "zeroline": False,
        "showbackground": False,
        "showspikes": False,
    }
    scales = {
        f"{letter}axis": {
            "title": {"text": AXES[name]},
            **_log_ticks(_decades(sample, name), money if name == "monetary" else None),
            **axis,
        }
        for letter, name in zip("xyz", AXES, strict=True)
    }
    figure.update_layout(
        scene={
            **scales,
            "bgcolor": CLEAR,
            "aspectmode": "manual",
            "aspectratio": {"x": 1.05, "y": 1.0, "z": 0.85},
            # Far enough, and to the left enough, that the labels of all axes fit the width of a phone.
            "camera": {"eye": {"x": -1.645, "y": -2.017, "z": 0.83}, "center": {"x": -0.055, "y": 0.043, "z": -0.1}},
        },
        legend={"orientation": "h", "itemsizing": "constant", "yanchor": "bottom", "y": 1.0, "x": 0},
    )
    return plain(figure, height=480)


def _ridge(figure: go.Figure, persona: Persona, bins: pd.DataFrame, row: int, last: int, money: Money | None) -> None:
    heights = np.zeros(last + 3)
    heights[bins["bin"].to_numpy() + 1] = bins["customers"]
    centres = (np.arange(-1, last + 2) + 0.5) / PER_DECADE
    top = heights.max() or 1.0
    counted = [f"{int(customers):,}" for customers in heights]
    between = [f"{_at(edge, money)} to {_at(edge + 1 / PER_DECADE, money)}" for edge in centres - 0.5 / PER_DECADE]
    # The base is a line of its own, down to which the ridge is filled.
    base = {"x": centres.tolist(), "y": [row] * len(centres), "mode": "lines", "hoverinfo": "skip"}
    figure.add_scatter(**base, line={"width": 0})
    figure.add_scatter(
        x=centres.tolist(),
        y=(row + RIDGE * heights / top).tolist(),
        customdata=list(zip(counted, between, strict=True)),
        mode="lines",
        line={"color": persona.colour, "width": 1.6, "shape": "spline", "smoothing": 0.6},
        fill="tonexty",
        fillcolor=faded(persona.colour, 0.32),
        hovertemplate="%{customdata[0]} customers at %{customdata[1]}<extra>" + in_figure(persona.name) + "</extra>",
    )


def _median(figure: go.Figure, persona: Persona, median: float, row: int, measure: str, money: Money | None) -> None:
    at = float(np.log10(1 + median))
    figure.add_scatter(
        x=[at, at],
        y=[row - 0.1, row + 0.1],
        mode="lines",
        line={"color": persona.colour, "width": 4},
        hovertemplate=f"median {measure} {value(median, money)}<extra>{in_figure(persona.name)}</extra>",
    )


def value(number: float, money: Money | None) -> str:
    """A value of a measure as text; ``money`` writes it if it is an amount."""
    return f"{number:,.0f}" if money is None else money.exact(number)


def _log_ticks(decades: float, money: Money | None = None) -> dict[str, list[float] | list[str]]:
    # On the axis of money 0 and 1 are too close for two labels.
    ticks = [tick for tick in TICKS if np.log10(1 + tick) <= decades + 0.01 and not (money and tick == 1)]
    return {
        "tickvals": [float(np.log10(1 + tick)) for tick in ticks],
        "ticktext": [_tick(tick) if money is None else money.mark(tick) for tick in ticks],
    }


def _decades(sample: pd.DataFrame, name: str) -> float:
    return float(np.log10(1 + float(sample[name].max()))) if len(sample) else 0.0


def _tick(number: int) -> str:
    return f"{number:,}" if number < LONG else f"{number // 1_000:,}k"


def _at(position: float, money: Money | None) -> str:
    return value(max(10**position - 1, 0.0), money)
