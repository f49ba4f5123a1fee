"""The segment model as a scikit-learn pipeline, for analysts and as an oracle.

It shares no code with :func:`models.segment_model.assign`: the transform, the standardisation and the nearest
centroid are scikit-learn's own. That the two agree on every customer is tested, and checked again by ``reconcile``.
"""

from typing import Literal

import numpy as np
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, RobustScaler, StandardScaler

from batch.choices import Scaler
from models.segment_model import SegmentModel, Transform
from models.units import Floats

Inits = int | Literal["auto"]


def blank_pipeline(
    transform: Transform, k: int, seed: int, scaler: Scaler = "standard", n_init: Inits = 10
) -> Pipeline:
    """The pipeline before it is fitted: transform, standardise, cluster. Its input has columns R, F, M.

    A ``standard`` scaler goes by mean and standard deviation, a ``robust`` one by median and interquartile range.
    """
    shape = FunctionTransformer(np.log1p if transform == "log1p" else None, validate=False)
    scale = StandardScaler() if scaler == "standard" else RobustScaler()
    return make_pipeline(shape, scale, KMeans(n_clusters=k, n_init=n_init, random_state=seed))


def centre_and_scale(pipeline: Pipeline) -> tuple[Floats, Floats]:
    """What a fitted pipeline's scaler subtracts from each feature, and divides it by."""
    scaler = pipeline[1]
    return (scaler.mean_ if isinstance(scaler, StandardScaler) else scaler.center_), scaler.scale_


def sklearn_pipeline(model: SegmentModel) -> Pipeline:
    """A fitted pipeline whose ``predict`` gives segment numbers, from the numbers of the model alone."""
    centroids: Floats = np.array([segment.centroid for segment in model.segments], dtype=np.float64)
    pipeline = blank_pipeline(model.transform, len(centroids), seed=0)
    scaler, kmeans = pipeline[1], pipeline[2]
    # Fitting each estimator to anything of the right shape makes it complete; then the model's numbers take over.
    scaler.fit(centroids)
    scaler.mean_, scaler.scale_ = np.array(model.means), np.array(model.scales)
    scaler.var_ = scaler.scale_**2
    kmeans.set_params(init=centroids, n_init=1, max_iter=1).fit(centroids)
    kmeans.cluster_centers_ = centroids
    kmeans.set_params(init="k-means++")
    return pipeline
