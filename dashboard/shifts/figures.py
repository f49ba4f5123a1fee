"""The shifts page's figures: moves between segments as a matrix, the money they moved, and the segments' sizes."""

from datetime import datetime

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.shared.flow_figures import Measure, flow_matrix, written
from dashboard.shared.literal import in_figure
from dashboard.shared.personas import Personas, look_up
from dashboard.shared.plotting import (
    ACCENT,
    ACCENT_FAINT,
    ACCENT_STRONG,
    BARE_AXIS,
    CLEAR,
    DAY_TICKS,
    dotted,
    faded,
    plain,
    stacked,
)
from runtime.money import Money


def flow_heat_map(flows: pd.DataFrame, known: Personas, money: Money, measure: Measure = "changes") -> go.Figure:
    """Moves from each segment (rows) to each other one (columns), coloured on a square-root scale.

    A number can be selected; its custom data are the two segments.
    """
    matrix = flow_matrix(flows, known, measure)
    from_ids, to_ids = matrix.index.tolist(), matrix.columns.tolist()
    rows, columns = ([look_up(known, segment) for segment in ids] for ids in (from_ids, to_ids))
    counts = matrix.to_numpy()
    figure = go.Figure()
    figure.add_heatmap(
        z=np.sqrt(counts),
        customdata=[[in_figure(f"{a.name} → {b.name}") for b in columns] for a in rows],
        text=[[written(int(count), measure, money) for count in row] for row in counts],
        hovertemplate="%{customdata}: %{text}<extra></extra>",
        zmin=0,
        zmax=max(1.0, float(np.sqrt(counts.max()))),
        colorscale=[[0, ACCENT_FAINT], [1, ACCENT_STRONG]],
        showscale=False,
        xgap=3,
        ygap=3,
    )
    # The numbers are a trace of their own, in the theme's text colour, which is readable on every shade. Their markers
    # can be clicked, which the cells of a heat map cannot.
    y, x = counts.nonzero()
    figure.add_scatter(
        x=x,
        y=y,
        text=[money.short(int(n)) if measure == "money" else f"{n:,}" for n in counts[y, x]],
        customdata=[[from_ids[i], to_ids[j]] for i, j in zip(y, x, strict=True)],
        mode="markers+text",
        marker={"symbol": "square", "size": 34, "color": CLEAR},
        selected={"marker": {"color": ACCENT_FAINT}},
        unselected={"marker": {"opacity": 0}},
        hoverinfo="none",
        showlegend=False,
    )
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


def size_areas(sizes: pd.DataFrame, known: Personas, period: tuple[datetime, datetime]) -> go.Figure:
    """Customers in each segment over time, stacked with the best segment on top.

    Dotted lines mark the beginning and the end of ``period``.

    Parameters
    ----------
    sizes
        A row for each day, a column for each segment, as :func:`dashboard.shared.flows.sizes` returns it.
    """
    figure = go.Figure()
    days = pd.DatetimeIndex(sizes.index).strftime("%Y-%m-%d").tolist()
    order = [*(segment for segment in known if segment in sizes), *sorted({*sizes.columns} - {*known})]
    for segment in reversed(order):
        persona = look_up(known, segment)
        figure.add_scatter(
            x=days,
            y=sizes[segment].tolist(),
            name=in_figure(persona.name),
            mode="lines",
            stackgroup="all",
            line={"width": 0.6, "color": persona.colour},
            fillcolor=faded(persona.colour, 0.72),
            hovertemplate="%{y:,} " + in_figure(persona.name) + "<extra></extra>",
        )
    for edge in period:
        figure.add_vline(x=edge.strftime("%Y-%m-%d"), line={"color": ACCENT, "width": 1.5, "dash": "dot"})
    figure.update_layout(hovermode="x unified", showlegend=False)
    figure.update_xaxes(
        showgrid=False, fixedrange=True, hoverformat="%-d %b %Y", nticks=5, tickangle=0, tickformatstops=DAY_TICKS
    )
    figure.update_yaxes(fixedrange=True, nticks=5, rangemode="tozero", tickformat=",d")
    return plain(figure, height=300)


def money_bars(flows: pd.DataFrame, known: Personas, money: Money) -> go.Figure:
    """The spend of customers who entered each segment (to the right) and who left it (to the left).

    Parameters
    ----------
    flows
        Columns from_segment ("" on entry), to_segment, money.
    """
    came, went = flows.groupby("to_segment")["money"].sum(), flows.groupby("from_segment")["money"].sum()
    segments = [*known, *sorted(({*came.index} | {*went.index}) - {*known, ""})]
    shown = [look_up(known, segment) for segment in segments]
    figure = go.Figure()
    for name, sums, sign in (("came in", came, 1), ("left", went, -1)):
        amounts = [float(sums.get(segment, 0)) for segment in segments]
        figure.add_bar(
            x=[sign * amount for amount in amounts],
            y=list(range(len(segments))),
            orientation="h",
            marker={"color": [faded(persona.colour, 1 if sign > 0 else 0.45) for persona in shown]},
            text=[money.short(amount) if amount else "" for amount in amounts],
            textposition="outside",
            cliponaxis=False,
            customdata=[f"{money.short(amount)} {name}" for amount in amounts],
            hovertemplate="%{customdata}<extra></extra>",
        )
    figure.update_layout(barmode="relative", showlegend=False, bargap=0.35)
    widest = 1.75 * max([1.0, *came.tolist(), *went.tolist()])
    figure.update_xaxes(**(BARE_AXIS | {"zeroline": True}), showticklabels=False, range=[-widest, widest])
    names = [dotted(persona) for persona in shown]
    rows = {"tickvals": list(range(len(names))), "ticktext": names, "range": [len(names) - 0.5, -0.5]}
    figure.update_yaxes(**BARE_AXIS, **rows)
    return plain(figure, height=40 + 44 * len(names))
