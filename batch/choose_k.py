"""Choosing k: what every k from 2 to 10 has to be said for it, and one rule that a person can follow.

The knee of the inertia is where more segments stop bringing customers much closer to their centres (Satopaa et al.,
"Finding a 'Kneedle' in a Haystack", 2011). It is taken if segments there are real enough to be found again: fits on
resampled customers must agree about who belongs together (adjusted Rand index; Hubert & Arabie 1985). Otherwise fewer
segments are. The silhouette decides where there is no knee; it and the Davies-Bouldin index are there to be looked at.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from kneed import KneeLocator
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, davies_bouldin_score
from threadpoolctl import threadpool_limits

from batch.choices import Scaler
from batch.fit import FitError, silhouette
from batch.pipeline import blank_pipeline
from batch.profiles import features
from models.segment_model import Monetary, Transform
from models.units import Floats

KS = range(2, 11)
# A bounded sample tells where the knee is as well as everybody does.
SAMPLE = 50_000
BOOTSTRAPS = 8
STABLE = 0.8

COLUMNS = ["inertia", "silhouette", "davies_bouldin", "stability"]


@dataclass(frozen=True)
class KChoice:
    """The k that was chosen, why in one line, and the curve that it was chosen on (:func:`k_curve`)."""

    k: int
    reason: str
    curve: pd.DataFrame

    @property
    def metadata(self) -> dict[str, Any]:
        """All of it as JSON values, for a model to keep."""
        rows = self.curve.astype(object).where(self.curve.notna(), None).reset_index()
        return {"chosen_because": self.reason, "k_curve": rows.to_dict("records")}


def choose_k(
    profiles: pd.DataFrame,
    *,
    monetary: Monetary = "net",
    transform: Transform = "log1p",
    scaler: Scaler = "standard",
    seed: int = 42,
    progress: Callable[[int], None] = lambda k: None,
) -> KChoice:
    """Choose how many segments to fit on profiles as :func:`batch.profiles.profiles_as_of` counts them.

    Parameters
    ----------
    progress
        Told every k once it has been looked at.

    Raises
    ------
    FitError
        If there are fewer than two different customers.
    """
    points = _sample(features(profiles, monetary).to_numpy(), seed)
    scaled = blank_pipeline(transform, 1, seed, scaler)[:-1].fit_transform(points)
    curve = k_curve(scaled, seed, progress)
    return chosen(curve)


def k_curve(scaled: Floats, seed: int, progress: Callable[[int], None]) -> pd.DataFrame:
    """By ``k`` from 2 to 10, for points in standardised space, shape (n, 3).

    Returns
    -------
    DataFrame
        ``inertia``; ``silhouette`` of a bounded sample, from -1 to 1; ``davies_bouldin``, the lower the better;
        ``stability``, the mean adjusted Rand index of fits on bootstraps against the fit on all, 1 for the same
        segments. A k for which there are too few different points is left out, a number that is not defined missing.
    """
    different = len(np.unique(scaled, axis=0))
    if different < KS[0]:
        raise FitError(f"choosing k needs at least {KS[0]} different customers, but there are {different}")
    rows = {}
    with threadpool_limits(limits=1):
        for k in (k for k in KS if k <= different):
            fitted = KMeans(k, n_init=10, random_state=seed).fit(scaled)
            apart = davies_bouldin_score(scaled, fitted.labels_) if k < len(scaled) else None
            agreement = float(np.mean(list(_agreements(scaled, fitted, seed))))
            rows[k] = (float(fitted.inertia_), silhouette(scaled, fitted.labels_, seed), apart, agreement)
            progress(k)
    curve = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS).astype("float64")
    return curve.rename_axis("k")


def _agreements(scaled: Floats, fitted: KMeans, seed: int) -> Iterator[float]:
    rng = np.random.default_rng(seed)
    for attempt in range(BOOTSTRAPS):
        again = scaled[rng.integers(0, len(scaled), len(scaled))]
        if len(np.unique(again, axis=0)) < fitted.n_clusters:
            yield 0.0
            continue
        refitted = KMeans(fitted.n_clusters, n_init=3, random_state=seed + attempt + 1).fit(again)
        yield float(adjusted_rand_score(fitted.labels_, refitted.predict(scaled)))


def chosen(curve: pd.DataFrame) -> KChoice:
    stable = curve.index[curve["stability"] >= STABLE]
    knee = _knee(curve["inertia"])
    if not len(stable):
        k = _best(curve["stability"])
        reason = "no number of segments is found again on resampled customers; this one comes nearest"
    elif knee is None:
        k = _best(curve["silhouette"][stable].fillna(-1.0))
        reason = "the inertia has no knee; of the stable ones its silhouette is the best"
    elif knee in stable:
        k, reason = knee, "the knee of the inertia: further segments bring customers little closer to their centres"
    else:
        fewer = stable[stable < knee]
        k = int(fewer.max() if len(fewer) else stable.min())
        unstable = f"the knee of the inertia is at {knee}, but segments there are not found again"
        reason = f"{unstable} (adjusted Rand {curve['stability'][knee]:.2f}); here they are"
    return KChoice(k, f"k = {k}: {reason} (adjusted Rand {curve['stability'][k]:.2f}).", curve)


def _best(scores: pd.Series) -> int:
    return int(scores.index[int(scores.to_numpy().argmax())])


def _knee(inertia: pd.Series) -> int | None:
    if len(inertia) < 3:
        return None
    found = KneeLocator(inertia.index.to_numpy(), inertia.to_numpy(), curve="convex", direction="decreasing").knee
    return None if found is None else int(found)


def _sample(points: Floats, seed: int) -> Floats:
    rows = np.random.default_rng(seed).permutation(len(points))[:SAMPLE]
    return points[np.sort(rows)]
