"""The segment model as a scikit-learn pipeline, for analysts and as a test oracle.

The pipeline shares no code with :func:`models.scoring.assign`: transform, standardisation and nearest centroid
are scikit-learn's. Tests and ``segue reconcile`` check that both agree on every customer.
"""

from typing import Literal

import numpy as np
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, RobustScaler, StandardScaler

from batch.choices import Scaler
from models.segment_model import SegmentModel, Transform
from models.units import Floats

Inits = int | Literal["auto"]


def blank_pipeline(
    transform: Transform,
    k: int,
    seed: int,
    scaler: Scaler = "standard",
    n_init: Inits = 10,
    recency_unit: float = 1.0,
) -> Pipeline:
    """An unfitted pipeline: count recency in its unit, transform, standardise, cluster. Its input has columns R, F, M.

    A ``standard`` scaler uses mean and standard deviation, a ``robust`` one median and interquartile range.
    """
    shape = FunctionTransformer(np.log1p if transform == "log1p" else None, validate=False)
    scale = StandardScaler() if scaler == "standard" else RobustScaler()
    kmeans = KMeans(n_clusters=k, n_init=n_init, random_state=seed)
    if recency_unit == 1:
        return make_pipeline(shape, scale, kmeans)
    # Weights and not a function of our own: skops loads them without trusting any type.
    parts = [("recency", "passthrough", [0]), ("others", "passthrough", [1, 2])]
    units = ColumnTransformer(parts, transformer_weights={"recency": 1 / recency_unit})
    return make_pipeline(units, shape, scale, kmeans)


def centre_and_scale(pipeline: Pipeline) -> tuple[Floats, Floats]:
    """Centre and scale of each feature in a fitted pipeline, each of shape (3,)."""
    scaler = pipeline[-2]
    return (scaler.mean_ if isinstance(scaler, StandardScaler) else scaler.center_), scaler.scale_


def sklearn_pipeline(model: SegmentModel) -> Pipeline:
    """A fitted pipeline, made from a model, whose ``predict`` gives the model's segment numbers.

    With a window it knows only customers with a sale in it: no distance decides who is inactive.
    """
    clusters = model.segments if model.window_days is None else model.segments[:-1]
    centroids: Floats = np.array([segment.centroid for segment in clusters], dtype=np.float64)
    pipeline = blank_pipeline(model.transform, len(centroids), seed=0, recency_unit=model.recency_unit)
    first, scaler, kmeans = pipeline[0], pipeline[-2], pipeline[-1]
    # Fitting sets all private attributes that scikit-learn needs; then the model's numbers replace the fitted ones.
    first.fit(centroids)
    scaler.fit(centroids)
    scaler.mean_, scaler.scale_ = np.array(model.means), np.array(model.scales)
    scaler.var_ = scaler.scale_**2
    kmeans.set_params(init=centroids, n_init=1, max_iter=1).fit(centroids)
    kmeans.cluster_centers_ = centroids
    kmeans.set_params(init="k-means++")
    return pipeline
