"""Choose k: quality measures for every k from 2 to 10, and one rule that selects among them.

The rule selects the knee of the inertia, after which additional segments bring customers little closer to their
centroids, if the segments there are stable: fits on bootstrap samples must agree on which customers are in the same
segment (adjusted Rand index). If the knee is unstable, the rule selects the largest stable k below it. If the inertia
has no knee, the rule selects the stable k with the best silhouette. The Davies-Bouldin index is for information only.

References
----------
Satopaa, V., Albrecht, J., Irwin, D., & Raghavan, B. (2011). Finding a "Kneedle" in a haystack. ICDCS Workshops.
Hubert, L., & Arabie, P. (1985). Comparing partitions. Journal of Classification 2: the adjusted Rand index.
Ben-Hur, A., Elisseeff, A., & Guyon, I. (2002). A stability based method for discovering structure in clustered data.
Pacific Symposium on Biocomputing 7.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

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

# benchmarks/choose_k_evidence.py shows how the chosen k depends on the efforts and on the threshold (docs/models.md).
#: More segments than ten are more than a marketing team can treat differently.
KS = range(2, 11)
#: The least mean adjusted Rand index of a stable k.
STABLE = 0.8


class Effort(NamedTuple):
    """How much is computed: the most customers that are used, and the number of bootstrap samples for each k.

    The number of customers bounds the time; samples of a few thousand change the choice.
    """

    customers: int = 50_000
    bootstraps: int = 8


EFFORT = Effort()

COLUMNS = ["inertia", "silhouette", "davies_bouldin", "stability"]


@dataclass(frozen=True)
class KChoice:
    """The chosen k, the reason in one line, and the curve that it was chosen from (:func:`k_curve`)."""

    k: int
    reason: str
    curve: pd.DataFrame

    @property
    def metadata(self) -> dict[str, Any]:
        """Reason and curve as JSON values, for a model's metadata."""
        rows = self.curve.astype(object).where(self.curve.notna(), None).reset_index()
        return {"chosen_because": self.reason, "k_curve": rows.to_dict("records")}


def choose_k(
    profiles: pd.DataFrame,
    *,
    monetary: Monetary = "net",
    transform: Transform = "log1p",
    scaler: Scaler = "standard",
    seed: int = 42,
    recency_unit: float = 1.0,
    progress: Callable[[int], None] = lambda k: None,
    effort: Effort = EFFORT,
) -> KChoice:
    """Choose the number of segments for profiles as :func:`batch.profiles.profiles_as_of` returns them.

    Customers without a sale in the window of the profiles have no part in it.

    Parameters
    ----------
    progress
        Called with every k after its measures have been computed.

    Raises
    ------
    FitError
        If fewer than two customers differ in their features.
    """
    points = _sample(features(profiles[profiles["frequency"] > 0], monetary).to_numpy(), seed, effort.customers)
    scaled = blank_pipeline(transform, 1, seed, scaler, recency_unit=recency_unit)[:-1].fit_transform(points)
    curve = k_curve(scaled, seed, progress, effort.bootstraps)
    return chosen(curve)


def k_curve(
    scaled: Floats, seed: int, progress: Callable[[int], None], bootstraps: int = EFFORT.bootstraps
) -> pd.DataFrame:
    """Quality measures by ``k`` from 2 to 10, for points in standardised space, shape (n, 3).

    Returns
    -------
    DataFrame
        ``inertia``; ``silhouette`` of a bounded sample, from -1 to 1; ``davies_bouldin``, lower is better;
        ``stability``, the mean adjusted Rand index of fits on bootstrap samples against the fit on all points, 1 for
        identical segments. A k with too few different points is left out; an undefined measure is missing.
    """
    distinct = len(np.unique(scaled, axis=0))
    if distinct < KS[0]:
        raise FitError(f"choosing k needs at least {KS[0]} different customers, but there are {distinct}")
    rows = {}
    with threadpool_limits(limits=1):
        for k in (k for k in KS if k <= distinct):
            fitted = KMeans(k, n_init=10, random_state=seed).fit(scaled)
            separation = davies_bouldin_score(scaled, fitted.labels_) if k < len(scaled) else None
            agreement = float(np.mean(list(_agreements(scaled, fitted, seed, bootstraps))))
            rows[k] = (float(fitted.inertia_), silhouette(scaled, fitted.labels_, seed), separation, agreement)
            progress(k)
    curve = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS).astype("float64")
    return curve.rename_axis("k")


def _agreements(scaled: Floats, fitted: KMeans, seed: int, bootstraps: int) -> Iterator[float]:
    rng = np.random.default_rng(seed)
    for attempt in range(bootstraps):
        resampled = scaled[rng.integers(0, len(scaled), len(scaled))]
        if len(np.unique(resampled, axis=0)) < fitted.n_clusters:
            yield 0.0
            continue
        refitted = KMeans(fitted.n_clusters, n_init=3, random_state=seed + attempt + 1).fit(resampled)
        yield float(adjusted_rand_score(fitted.labels_, refitted.predict(scaled)))


def chosen(curve: pd.DataFrame, threshold: float = STABLE) -> KChoice:
    """Apply the rule to a curve of :func:`k_curve`; ``threshold`` is the least stability of a stable k."""
    stable = curve.index[curve["stability"] >= threshold]
    knee = _knee(curve["inertia"])
    if not len(stable):
        k = _best(curve["stability"])
        reason = "no k gives stable segments on bootstrap samples; this k is the most stable"
    elif knee is None:
        k = _best(curve["silhouette"][stable].fillna(-1.0))
        reason = "the inertia has no knee; this k has the best silhouette of all stable k"
    elif knee in stable:
        k, reason = knee, "the knee of the inertia: more segments bring customers little closer to their centroids"
    else:
        fewer = stable[stable < knee]
        k = int(fewer.max() if len(fewer) else stable.min())
        unstable = f"the knee of the inertia is at {knee}, but its segments are not stable"
        reason = f"{unstable} (adjusted Rand {curve['stability'][knee]:.2f}); this k is"
    return KChoice(k, f"k = {k}: {reason} (adjusted Rand {curve['stability'][k]:.2f}).", curve)


def _best(scores: pd.Series) -> int:
    return int(scores.index[int(scores.to_numpy().argmax())])


def _knee(inertia: pd.Series) -> int | None:
    if len(inertia) < 3:
        return None
    found = KneeLocator(inertia.index.to_numpy(), inertia.to_numpy(), curve="convex", direction="decreasing").knee
    return None if found is None else int(found)


def _sample(points: Floats, seed: int, most: int) -> Floats:
    rows = np.random.default_rng(seed).permutation(len(points))[:most]
    return points[np.sort(rows)]
