"""Four quality measures over k, each with a ring around the k of the report."""

import pandas as pd

from batch.choose_k import STABLE, KChoice
from batch.explore import style
from batch.explore.finding import Finding


def elbow(choice: KChoice, k: int) -> Finding:
    """Inertia over k, with the gain of the last segment."""
    inertia = choice.curve["inertia"]
    gain = ""
    if {k - 1, k} <= set(inertia.index):
        gain = f" Going from {k - 1} to {k} lowers the inertia by {100 * (1 - inertia[k] / inertia[k - 1]):.0f}%."
    note = f"Inertia: the sum of squared distances to the nearest centroid. The ring marks the k of this report, {k}."
    return _finding("elbow", "Elbow", f"{choice.reason}{gain}", inertia, k, note, ",.0f")


def silhouettes(choice: KChoice, k: int) -> Finding:
    """Mean silhouette over k."""
    note = "Mean over a bounded sample: 1 is well separated, 0 is no structure. It often favours very few segments."
    return _best("silhouette", "Silhouette", choice.curve["silhouette"], k, note)


def separation(choice: KChoice, k: int) -> Finding:
    """Davies-Bouldin index over k."""
    note = "The spread of segments relative to the distance between them: lower is better."
    return _best("davies-bouldin", "Davies-Bouldin index", choice.curve["davies_bouldin"], k, note, is_low_best=True)


def stability(choice: KChoice, k: int) -> Finding:
    """Stability over k: agreement of fits on bootstrap samples."""
    note = (
        "Adjusted Rand index of fits on bootstrap samples against the fit on all: 1 is identical, 0 is chance. "
        f"Segments count as stable from {STABLE} on."
    )
    return _best("stability", "Stability", choice.curve["stability"], k, note)


def _best(name: str, title: str, values: pd.Series, k: int, note: str, *, is_low_best: bool = False) -> Finding:
    """A finding with the best value of a curve and the value at k."""
    known = values.dropna()
    if known.empty:
        return Finding(name, title, "This measure is not defined for so few customers.", values.to_frame(), wide=False)
    scores = known.to_numpy()
    best = int(scores.argmin() if is_low_best else scores.argmax())
    best_k = int(known.index.to_numpy()[best])
    rest = f"; k = {k} has {known[k]:.2f}" if k in known.index and k != best_k else ""
    summary = f"The best value is at k = {best_k} ({scores[best]:.2f}){rest}."
    return _finding(name, title, summary, values, k, note, ".2f")


def _finding(name: str, title: str, summary: str, values: pd.Series, k: int, note: str, digits: str) -> Finding:
    figure = style.figure(270)
    figure.add_scatter(
        x=values.index,
        y=values,
        mode="lines+markers",
        line={"color": style.ACCENT, "width": 2},
        marker={"size": 7},
        hovertemplate=f"k = %{{x}}: %{{y:{digits}}}<extra></extra>",
    )
    if k in values.index:
        ring = {"size": 17, "color": style.WARM, "symbol": "circle-open", "line": {"width": 2.5}}
        figure.add_scatter(x=[k], y=[values[k]], mode="markers", marker=ring, hoverinfo="skip")
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title="k, number of segments", dtick=1, showgrid=False)
    figure.update_yaxes(nticks=5, rangemode="tozero", separatethousands=True)
    return Finding(name, title, summary, values.to_frame(), figure, note=note, wide=False)
