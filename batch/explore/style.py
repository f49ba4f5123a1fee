"""The style of all figures: a light and a dark theme, which differ in colours only.

Figures are stored without a theme. Fonts, grid lines, backgrounds and colour scales come from the theme, so that a page
can switch between light and dark.
"""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from runtime.money import Money

ACCENT = "#6f6bdf"
WARM = "#d0662c"
NEUTRAL = "#8f97a6"

_FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
_CLEAR = "rgba(0,0,0,0)"


def _theme(text: str, soft: str, grid: str, ground: str, scale: list[str]) -> go.layout.Template:
    axis: dict[str, Any] = {
        "gridcolor": grid,
        "linecolor": grid,
        "zerolinecolor": grid,
        "tickcolor": grid,
        "tickfont": {"color": soft},
        "title": {"font": {"color": soft, "size": 13}},
        "automargin": True,
    }
    solid = axis | {"backgroundcolor": _CLEAR, "showbackground": False}
    solid.pop("automargin")
    steps = [[number / (len(scale) - 1), colour] for number, colour in enumerate(scale)]
    bar = {"outlinewidth": 0, "thickness": 12, "tickfont": {"color": soft}}
    return go.layout.Template(
        layout={
            "font": {"family": _FONT, "size": 13, "color": text},
            "paper_bgcolor": _CLEAR,
            "plot_bgcolor": _CLEAR,
            "colorway": [ACCENT, WARM, NEUTRAL],
            "xaxis": axis,
            "yaxis": axis,
            "scene": {"xaxis": solid, "yaxis": solid, "zaxis": solid},
            "hoverlabel": {"bgcolor": ground, "bordercolor": grid, "font": {"color": text, "family": _FONT}},
            "legend": {"font": {"color": text}},
            "modebar": {"color": soft, "activecolor": ACCENT, "bgcolor": _CLEAR},
        },
        data={"heatmap": [{"colorscale": steps, "colorbar": bar}]},
    )


LIGHT = _theme("#1b1d23", "#5c6370", "#e3e5ea", "#ffffff", ["#f3f3fa", "#b9b6ee", "#6f6bdf", "#37338f"])
DARK = _theme("#e9ebf0", "#a0a7b4", "#2a2e38", "#191c23", ["#181b25", "#38366f", "#6f6bdf", "#c9c7ff"])


def figure(height: int) -> go.Figure:
    """An empty figure in the common style; ``height`` in pixels, width as available."""
    layout = {"t": 10, "r": 10, "b": 10, "l": 10, "pad": 4}
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"}
    return go.Figure(layout={"template": LIGHT, "height": height, "margin": layout, "legend": legend})


def log_ticks(top: float, money: Money | None = None) -> dict[str, Any]:
    """Axis settings that label log1p coordinates up to ``top`` with the original numbers: 0, 1, 10, 100, ...

    ``money`` writes them if they are amounts.
    """
    decades = [10**power for power in range(int(np.log10(max(top, 1.0))) + 1)]
    shown = [0, *(decades if len(decades) <= 4 else decades[1::2])]
    return {
        "tickvals": np.log1p(shown),
        "ticktext": [_short(number) if money is None else money.mark(number) for number in shown],
    }


def _short(number: int) -> str:
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number // size}{unit}"
    return str(number)
