"""The common style of all figures, for light and dark themes.

Colours that carry meaning are set here; fonts, grid lines and backgrounds come from the page's theme.
"""

from typing import Any

import plotly.graph_objects as go

from dashboard.shared.literal import in_figure
from dashboard.shared.personas import Persona
from dashboard.shared.shades import visible_here
from runtime.readable import visible

ACCENT, ACCENT_FAINT, ACCENT_STRONG = "#6f6bdf", "rgba(111,107,223,0.08)", "rgba(111,107,223,0.62)"
# The accent is for time alone, which the product is about.
CAUSE_COLOURS = {
    "decay": ACCENT,
    "expiry": "#4fa3c7",
    "purchase": "#9aa3b2",
    "return": "#d98a6a",
    "model": "#c9a94b",
    "first_purchase": "#5bb5a2",
    "first_model": "#8fae5d",
    "revision": "#a58f78",
}
OTHER_CAUSE = "#b6bcc8"
MS_PER_DAY = 86_400_000
#: Days and hours on an axis of dates, as everywhere else on the pages: "13 Nov", and the year where it changes.
DAY_TICKS = [
    {"dtickrange": [None, MS_PER_DAY - 1], "value": "%H:%M\n%-d %b %Y"},
    {"dtickrange": [MS_PER_DAY, 28 * MS_PER_DAY], "value": "%-d %b\n%Y"},
]
CLEAR = "rgba(0,0,0,0)"
# No tool bar, which hides the figure on a phone, and no zoom, which the next refresh would undo.
CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}


def cause_colour(code: str) -> str:
    """The colour of a cause, the same in every figure and table, in the shade for the viewer's theme."""
    return visible_here(CAUSE_COLOURS.get(code, OTHER_CAUSE))


BARE_AXIS: dict[str, Any] = {
    "showgrid": False,
    "zeroline": False,
    "showline": False,
    "fixedrange": True,
    "ticks": "",
    "automargin": True,
}


def faded(colour: str, alpha: float = 0.4) -> str:
    """A colour ``#rrggbb`` made transparent.

    >>> faded("#ff8000", 0.5)
    'rgba(255,128,0,0.5)'
    """
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def dotted(persona: Persona) -> str:
    """A segment's name after a dot of its colour."""
    return f"{dot(persona)} {in_figure(persona.name)}"


def stacked(persona: Persona) -> str:
    """A segment's name in short lines, with its dot."""
    # The dot comes last: on narrow screens the style sheet hides all lines but the last.
    return "<br>".join([*map(in_figure, visible(persona.name).split()), dot(persona)])


def dot(persona: Persona) -> str:
    """A dot of a segment's colour."""
    return f'<span style="color:{persona.colour}">●</span>'


def plain(figure: go.Figure, height: int) -> go.Figure:
    """The figure with the page's background and font; it keeps its state from one refresh to the next."""
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
