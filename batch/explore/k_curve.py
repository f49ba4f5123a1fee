"""How the choice of k looks: four curves over k, and the ring around the k that the report shows."""

import pandas as pd

from batch.choose_k import STABLE, KChoice
from batch.explore import style
from batch.explore.exhibit import Exhibit


def elbow(choice: KChoice, k: int) -> Exhibit:
    """How much closer to their centres customers are with one more segment."""
    inertia = choice.curve["inertia"]
    gain = ""
    if {k - 1, k} <= set(inertia.index):
        gain = f" Going from {k - 1} to {k} lowers the inertia by {100 * (1 - inertia[k] / inertia[k - 1]):.0f}%."
    note = f"Inertia: the sum of squared distances to the nearest centre. The ring is the k of this report, {k}."
    return _exhibit("elbow", "Elbow", f"{choice.reason}{gain}", inertia, k, note, ",.0f")


def silhouettes(choice: KChoice, k: int) -> Exhibit:
    """How well apart the segments are."""
    note = "Mean over a bounded sample: 1 is far apart, 0 is no structure. Few segments look tidiest and say least."
    return _best("silhouette", "Silhouette", choice.curve["silhouette"], k, note)


def separation(choice: KChoice, k: int) -> Exhibit:
    """How much neighbouring segments overlap."""
    note = "How wide segments are compared with how far apart they are: lower is better."
    return _best("davies-bouldin", "Davies-Bouldin index", choice.curve["davies_bouldin"], k, note, is_low_best=True)


def stability(choice: KChoice, k: int) -> Exhibit:
    """Whether the segments are found again on other customers."""
    note = (
        "Adjusted Rand index of fits on resampled customers and the fit on all: 1 is the same segments, 0 is chance. "
        f"From {STABLE} on they count as found again."
    )
    return _best("stability", "Stability", choice.curve["stability"], k, note)


def _best(name: str, title: str, values: pd.Series, k: int, note: str, *, is_low_best: bool = False) -> Exhibit:
    """An exhibit that says where a curve is at its best, and where it is at k."""
    known = values.dropna()
    if known.empty:
        return Exhibit(name, title, "It is not defined for so few customers.", values.to_frame(), wide=False)
    scores = known.to_numpy()
    best = int(scores.argmin() if is_low_best else scores.argmax())
    at = int(known.index.to_numpy()[best])
    rest = f"; k = {k} has {known[k]:.2f}" if k in known.index and k != at else ""
    finding = f"It is best at k = {at} ({scores[best]:.2f}){rest}."
    return _exhibit(name, title, finding, values, k, note, ".2f")


def _exhibit(name: str, title: str, finding: str, values: pd.Series, k: int, note: str, digits: str) -> Exhibit:
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
    return Exhibit(name, title, finding, values.to_frame(), figure, note=note, wide=False)
