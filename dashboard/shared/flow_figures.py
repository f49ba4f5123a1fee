"""Moves between segments as streams, and the matrix that figures of moves are drawn from."""

from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.shared.literal import in_figure
from dashboard.shared.personas import Personas, look_up
from dashboard.shared.plotting import faded, plain
from runtime.money import Money

Measure = Literal["changes", "money"]
#: In pixels: between two nodes, enough for the text of a label; and above and below all of them.
PAD, MARGIN = 16, 8


def flow_matrix(flows: pd.DataFrame, known: Personas, measure: Measure = "changes") -> pd.DataFrame:
    """The moves from each row's segment to each column's, in the personas' order; "" is the row of first purchases.

    Parameters
    ----------
    flows
        Columns from_segment, to_segment, changes, money (and cause, summed over).
    measure
        Count the ``changes``, or add up the ``money`` in whole units of the currency.
    """
    table = flows.pivot_table(index="from_segment", columns="to_segment", values=measure, aggfunc="sum", fill_value=0)
    retired = sorted(({*table.index} | {*table.columns}) - {*known, ""})
    columns = [*known, *retired]
    return table.reindex(index=[*columns, ""], columns=columns, fill_value=0).round().astype("int64")


def written(value: int, measure: Measure, money: Money) -> str:
    """A number of a flow matrix as text."""
    return money.rounded(value) if measure == "money" else f"{value:,}"


def sankey(flows: pd.DataFrame, known: Personas, money: Money, measure: Measure = "changes") -> go.Figure:
    """Streams of customers from the segment they left (left) to the one they entered (right), in the former's colour.

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
    shown = [persona for _, persona in [*left, *right]]
    sides = (matrix.sum(axis=1)[[a for a, _ in left]], matrix.sum(axis=0)[[b for b, _ in right]])
    height = 64 + 38 * (len(known) + 1)
    gap = PAD / (height - 2 * MARGIN)
    figure = go.Figure()
    figure.add_sankey(
        arrangement="fixed",
        node={
            "label": [in_figure(persona.name) for persona in shown],
            "color": [persona.colour for persona in shown],
            "x": [0.001] * len(left) + [0.999] * len(right),
            "y": [*_middles(counts.sum(axis=1), gap), *_middles(counts.sum(axis=0), gap)],
            "pad": PAD,
            "thickness": 12,
            "line": {"width": 0},
            "customdata": [written(int(total), measure, money) for side in sides for total in side],
            "hovertemplate": "%{label}: %{customdata}<extra></extra>",
        },
        link={
            "source": [link[0] for link in links],
            "target": [link[1] for link in links],
            "value": [link[2] for link in links],
            "customdata": [f"{in_figure(link[3])}: {written(int(link[2]), measure, money)}" for link in links],
            "color": [faded(link[4]) for link in links],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
    )
    return plain(figure, height=height).update_layout(margin={"t": MARGIN, "b": MARGIN})


def _middles(totals: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]", gap: float) -> list[float]:
    """The middle of each node from the top (0) to the bottom (1), in order.

    A node is as high as its total, and below each one is a gap, in which the label of a flat node fits.
    """
    present = totals[totals > 0]
    shares = (1 - gap * max(len(present) - 1, 0)) * present / max(1, present.sum())
    middles = np.cumsum(shares) - shares / 2 + gap * np.arange(len(present))
    return [float(place) for place in np.clip(middles, 0.001, 0.999)]
