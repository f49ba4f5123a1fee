"""Segments whose recency is in the order of their rank, so that time alone never promotes a customer.

A customer who waits moves to centroids with a greater recency only (:mod:`models.decay`). If no centroid has a greater
recency than the centroid of a segment of lower rank, every such move leads to a lower rank. Isotonic regression gives
the closest recencies in that order: those of neighbours that are out of order become their common mean, weighted by
customers.

References
----------
Barlow, R. E., Bartholomew, D. J., Bremner, J. M. & Brunk, H. D. (1972). Statistical Inference under Order Restrictions:
pooling adjacent violators.
"""

import numpy as np

from models.units import Floats, Ints


def in_rank_order(centroids: Floats, sizes: Ints) -> Floats:
    """Centroids with recencies that do not fall from rank to rank, as close as possible to the given ones.

    Parameters
    ----------
    centroids
        Shape (k, 3), in standardised space, in the order of rank: the best segment first.
    sizes
        Shape (k,): customers of each segment.

    Returns
    -------
    array of float
        Shape (k, 3). Frequency and monetary value are as they were.

    Examples
    --------
    >>> found = in_rank_order(np.array([[-1.0, 2.0, 2.0], [-0.4, 1.0, 1.0], [-0.8, 0.0, 0.0]]), np.array([5, 1, 3]))
    >>> found[:, 0].round(12).tolist()
    [-1.0, -0.7, -0.7]
    """
    # Imported here because scipy is slow to import, and only fits need it.
    from scipy.optimize import isotonic_regression

    ordered = np.array(centroids, dtype=np.float64)
    ordered[:, 0] = isotonic_regression(ordered[:, 0], weights=np.maximum(sizes, 1).astype(np.float64)).x
    return ordered
