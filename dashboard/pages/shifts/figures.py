"""Who goes where: the figures of flows between segments, and of what they add up to."""

from datetime import datetime
from html import escape
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.shared.personas import Personas, look_up
from dashboard.shared.plotting import (
    ACCENT,
    ACCENT_FAINT,
    ACCENT_STRONG,
    BARE_AXIS,
    CLEAR,
    dotted,
    faded,
    plain,
    stacked,
)
from dashboard.shared.style import short_money

Measure = Literal["changes", "money"]
_UNIT = {"changes": "", "money": "£"}


def flow_matrix(flows: pd.DataFrame, known: Personas, measure: Measure = "changes") -> pd.DataFrame:
    """What went from each row's segment to each column's, both in the personas' order; "" is the row of entries.

    Parameters
    ----------
    flows
        Columns from_segment, to_segment, changes, money (and cause, summed over).
    measure
        Count the ``changes``, or sum up the ``money``, in whole pounds.
    """
    table = flows.pivot_table(index="from_segment", columns="to_segment", values=measure, aggfunc="sum", fill_value=0)
    retired = sorted(({*table.index} | {*table.columns}) - {*known, ""})
    columns = [*known, *retired]
    return table.reindex(index=[*columns, ""], columns=columns, fill_value=0).round().astype("int64")


def flow_heat_map(flows: pd.DataFrame, known: Personas, measure: Measure = "changes") -> go.Figure:
    """From whom (rows) to whom (columns) customers moved, as counts on a square-root scale of the accent.

    A number can be selected; its custom data are the two segments.
    """
    matrix = flow_matrix(flows, known, measure)
    from_ids, to_ids = matrix.index.tolist(), matrix.columns.tolist()
    rows, columns = ([look_up(known, segment) for segment in ids] for ids in (from_ids, to_ids))
    counts = matrix.to_numpy()
    figure = go.Figure()
    figure.add_heatmap(
        z=np.sqrt(counts),
        customdata=[[escape(f"{a.name} → {b.name}") for b in columns] for a in rows],
        text=counts,
        hovertemplate=f"%{{customdata}}: {_UNIT[measure]}%{{text:,}}<extra></extra>",
        zmin=0,
        zmax=max(1.0, float(np.sqrt(counts.max()))),
        colorscale=[[0, ACCENT_FAINT], [1, ACCENT_STRONG]],
        showscale=False,
        xgap=3,
        ygap=3,
    )
    # The numbers are a trace of their own: they take the theme's text colour, which reads on every shade. Their squares
    # are what can be clicked: a heat map itself can't be selected from.
    y, x = counts.nonzero()
    figure.add_scatter(
        x=x,
        y=y,
        text=[_number(n, measure) for n in counts[y, x]],
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


def sankey(flows: pd.DataFrame, known: Personas, measure: Measure = "changes") -> go.Figure:
    """Streams of customers from where they were (left) to where they went (right), in the colour of what they left.

    Parameters
    ----------
    flows
        Columns from_segment ("" on entry), to_segment, changes, money (and cause, summed over).
    """
    matrix = flow_matrix(flows, known, measure)
    counts = matrix.to_numpy()
    left = [(segment, look_up(known, segment)) for segment in matrix.index[counts.sum(axis=1) > 0]]
    right = [(segment, look_up(known, segment)) for segment in matrix.columns[counts.sum(axis=0) > 0]]
    links = [
        (i, len(left) + j, matrix.loc[a, b], f"{before.name} → {after.name}", before.colour)
        for i, (a, before) in enumerate(left)
        for j, (b, after) in enumerate(right)
        if matrix.loc[a, b]
    ]
    people = [persona for _, persona in [*left, *right]]
    figure = go.Figure()
    figure.add_sankey(
        arrangement="fixed",
        node={
            "label": [escape(persona.name) for persona in people],
            "color": [persona.colour for persona in people],
            "x": [0.001] * len(left) + [0.999] * len(right),
            "y": [*_heights(counts.sum(axis=1)), *_heights(counts.sum(axis=0))],
            "pad": 14,
            "thickness": 12,
            "line": {"width": 0},
            "hovertemplate": f"%{{label}}: {_UNIT[measure]}%{{value:,}}<extra></extra>",
        },
        link={
            "source": [link[0] for link in links],
            "target": [link[1] for link in links],
            "value": [link[2] for link in links],
            "customdata": [escape(link[3]) for link in links],
            "color": [faded(link[4]) for link in links],
            "hovertemplate": f"%{{customdata}}: {_UNIT[measure]}%{{value:,}}<extra></extra>",
        },
    )
    return plain(figure, height=64 + 38 * (len(known) + 1)).update_layout(margin={"t": 8, "b": 8})


def size_areas(sizes: pd.DataFrame, known: Personas, period: tuple[datetime, datetime]) -> go.Figure:
    """Customers in each segment over time, stacked with the best segment on top.

    Dotted lines stand where ``period`` begins and ends.

    Parameters
    ----------
    sizes
        A row for each day, a column for each segment, as :func:`dashboard.shared.flows.sizes` gives it.
    """
    figure = go.Figure()
    days = pd.DatetimeIndex(sizes.index).strftime("%Y-%m-%d").tolist()
    order = [*(segment for segment in known if segment in sizes), *sorted({*sizes.columns} - {*known})]
    for segment in reversed(order):
        persona = look_up(known, segment)
        figure.add_scatter(
            x=days,
            y=sizes[segment].tolist(),
            name=escape(persona.name),
            mode="lines",
            stackgroup="all",
            line={"width": 0.6, "color": persona.colour},
            fillcolor=faded(persona.colour, 0.72),
            hovertemplate="%{y:,} " + escape(persona.name) + "<extra></extra>",
        )
    for edge in period:
        figure.add_vline(x=edge.strftime("%Y-%m-%d"), line={"color": ACCENT, "width": 1.5, "dash": "dot"})
    figure.update_layout(hovermode="x unified", showlegend=False)
    figure.update_xaxes(showgrid=False, fixedrange=True, hoverformat="%-d %b %Y", nticks=8)
    figure.update_yaxes(fixedrange=True, nticks=5, rangemode="tozero", tickformat=",d")
    return plain(figure, height=300)


def money_bars(flows: pd.DataFrame, known: Personas) -> go.Figure:
    """Pounds that came into each segment (to the right) and that left it (to the left) with those who moved.

    Parameters
    ----------
    flows
        Columns from_segment ("" on entry), to_segment, money.
    """
    came, went = flows.groupby("to_segment")["money"].sum(), flows.groupby("from_segment")["money"].sum()
    segments = [*known, *sorted(({*came.index} | {*went.index}) - {*known, ""})]
    people = [look_up(known, segment) for segment in segments]
    figure = go.Figure()
    for name, sums, sign in (("came in", came, 1), ("left", went, -1)):
        pounds = [float(sums.get(segment, 0)) for segment in segments]
        figure.add_bar(
            x=[sign * amount for amount in pounds],
            y=list(range(len(segments))),
            orientation="h",
            marker={"color": [faded(persona.colour, 1 if sign > 0 else 0.45) for persona in people]},
            text=[short_money(amount) if amount else "" for amount in pounds],
            textposition="outside",
            cliponaxis=False,
            customdata=[f"{short_money(amount)} {name}" for amount in pounds],
            hovertemplate="%{customdata}<extra></extra>",
        )
    figure.update_layout(barmode="relative", showlegend=False, bargap=0.35)
    reach = 1.75 * max([1.0, *came.tolist(), *went.tolist()])
    figure.update_xaxes(**(BARE_AXIS | {"zeroline": True}), showticklabels=False, range=[-reach, reach])
    names = [dotted(persona) for persona in people]
    rows = {"tickvals": list(range(len(names))), "ticktext": names, "range": [len(names) - 0.5, -0.5]}
    figure.update_yaxes(**BARE_AXIS, **rows)
    return plain(figure, height=40 + 44 * len(names))


def _number(value: int, measure: Measure) -> str:
    return f"{value:,}" if measure == "changes" else short_money(value)


def _heights(totals: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> list[float]:
    """Where the middle of each node lies, from the top (0) down (1): in their order, each as high as it is big."""
    present = totals[totals > 0]
    ends = np.cumsum(present) / max(1, present.sum())
    return [float(place) for place in np.clip(ends - present / max(1, present.sum()) / 2, 0.001, 0.999)]
