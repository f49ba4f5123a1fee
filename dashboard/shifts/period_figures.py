"""Revenue by segment over time, as bars."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.shared.literal import in_figure
from dashboard.shared.personas import Personas, look_up
from dashboard.shared.plotting import faded, plain
from runtime.money import Money

MOST_LABELS = 8


def revenue_bars(matrix: pd.DataFrame, known: Personas, money: Money) -> go.Figure:
    """A bar for each period, divided by segment, the best segment at the bottom.

    Parameters
    ----------
    matrix
        As :func:`dashboard.shifts.per_period.revenue_matrix` returns it.
    """
    figure = go.Figure()
    order = [*(segment for segment in known if segment in matrix), *sorted({*matrix.columns} - {*known})]
    for segment in order:
        persona = look_up(known, segment)
        amounts = matrix[segment].tolist()
        figure.add_bar(
            x=matrix.index.tolist(),
            y=amounts,
            name=in_figure(persona.name),
            marker={"color": faded(persona.colour, 0.85)},
            customdata=[money.rounded(amount) for amount in amounts],
            hovertemplate="%{customdata} " + in_figure(persona.name) + "<extra></extra>",
        )
    figure.update_layout(barmode="relative", hovermode="x unified", showlegend=True, bargap=0.25)
    figure.update_layout(legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0})
    shown = [str(period) for period in matrix.index[:: -(-len(matrix) // MOST_LABELS) or 1]]
    # The year is on a line of its own, so that labels stay short enough for a phone.
    labels = ["<br>".join(period.rsplit(" ", 1)) for period in shown]
    figure.update_xaxes(type="category", fixedrange=True, showgrid=False, tickvals=shown, ticktext=labels, tickangle=0)
    figure.update_yaxes(fixedrange=True, **_ticks(matrix, money))
    return plain(figure, height=340)


def _ticks(matrix: pd.DataFrame, money: Money) -> dict[str, list[float] | list[str]]:
    """Ticks from the lowest to the highest end of a bar."""
    ends = [*matrix.clip(lower=0).sum(axis=1), *matrix.clip(upper=0).sum(axis=1)]
    return money.axis(ends)
