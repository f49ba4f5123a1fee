"""The segment model as a scikit-learn pipeline, for analysts and as an oracle.

It shares no code with :func:`models.segment_model.assign`: the transform, the standardisation and the nearest
centroid are scikit-learn's own. That the two agree on every customer is tested, and checked again by ``reconcile``.
"""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from models.segment_model import SegmentModel, Transform
from models.units import Floats


def blank_pipeline(transform: Transform, k: int, seed: int) -> Pipeline:
    """The pipeline before it is fitted: transform, standardise, cluster. Its input has columns R, F, M."""
    shape = FunctionTransformer(np.log1p if transform == "log1p" else None, validate=False)
    return make_pipeline(shape, StandardScaler(), KMeans(n_clusters=k, n_init=10, random_state=seed))


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
