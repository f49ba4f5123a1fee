"""Which segment a point of R, F, M is in: the number of the nearest centroid.

Distances are summed feature by feature in a fixed order, because a matrix product may round differently for different
batches: a customer's segment must not depend on which other customers are scored with it.
"""

from decimal import Decimal
from typing import Any, TypeVar

import numpy as np

from models.segment_model import INACTIVE, Monetary, SegmentModel
from models.units import MONEY_UNITS, Bools, Floats, Ints

_Amount = TypeVar("_Amount", Ints, Floats, Decimal, int)


def transformed(model: SegmentModel, feature: int, values: Ints | Floats) -> Floats:
    """Transform and standardise one feature (0 recency in days, 1 frequency, 2 monetary), element by element."""
    raw = np.ascontiguousarray(values, dtype=np.float64)
    if feature == 0 and model.recency_unit != 1:
        raw = raw / model.recency_unit
    shaped = np.log1p(raw) if model.transform == "log1p" else raw
    return np.asarray((shaped - model.means[feature]) / model.scales[feature])


def untransformed(model: SegmentModel, feature: int, places: Floats) -> Floats:
    """The inverse of :func:`transformed`: days, sales or currency units, element by element.

    >>> from models.segment_model import Segment, build
    >>> segment = Segment("one", "One", "", "#000000", "", (0.0, 0.0, 0.0))
    >>> model = build("net", "log1p", (1.0, 1.0, 5.0), (0.5, 1.0, 1.0), (segment,), recency_unit=60.0)
    >>> untransformed(model, 0, transformed(model, 0, np.array([0, 30, 365]))).round(9).tolist()
    [0.0, 30.0, 365.0]
    """
    shaped = places * model.scales[feature] + model.means[feature]
    raw = np.expm1(shaped) if model.transform == "log1p" else shaped
    return np.asarray(raw * model.recency_unit if feature == 0 else raw)


def net_spend(gross: _Amount, returned: _Amount) -> _Amount:
    """Spend net of returns, in the unit of the arguments; it is below 0 if more was returned than bought.

    Queries have the same in SQL (:func:`data.postgres.rfm.net_spend`).
    """
    difference: Any = gross - returned
    net: _Amount = difference
    return net


def before_floor(monetary: Monetary, gross: _Amount, returned: _Amount) -> _Amount:
    """The spend that :func:`net_or_gross` floors at 0."""
    return gross if monetary == "gross" else net_spend(gross, returned)


def net_or_gross(monetary: Monetary, gross: _Amount, returned: _Amount) -> _Amount:
    """The amount that counts as M, in the unit of the arguments: the only place in Python that has this rule.

    Net of returns the amount is floored at 0, because the logarithm of a debt is undefined. Queries have the same rule
    in SQL (:mod:`data.postgres.rfm`).

    >>> net_or_gross("net", np.array([120, 50]), np.array([20, 60])).tolist()
    [100, 0]
    >>> net_or_gross("gross", np.array([120, 50]), np.array([20, 60])).tolist()
    [120, 50]
    """
    if monetary == "gross":
        return gross
    difference: Any = net_spend(gross, returned)
    net: _Amount = np.maximum(difference, 0)
    return net


def net_or_gross_of_each(is_gross: Bools, gross: Ints, returned: Ints) -> Ints:
    """The same for customers whose models differ; ``is_gross`` is true where the model counts the gross amount."""
    units: Ints = np.where(is_gross, gross, net_or_gross("net", gross, returned))
    return units


def monetary_value(model: SegmentModel, gross: Ints, returned: Ints) -> Floats:
    """M in currency units, shape (n,), from gross and returned money units (:mod:`models.units`)."""
    return np.asarray(net_or_gross(model.monetary, gross, returned) / MONEY_UNITS, dtype=np.float64)


def assign(model: SegmentModel, recency_days: Ints, frequency: Ints, monetary: Floats) -> Ints:
    """The number of the nearest centroid for each of n customers.

    Under a model with a window, that is decided for customers with a purchase in the window. All others are inactive.

    Parameters
    ----------
    recency_days, frequency, monetary
        Shape (n,): whole days, distinct sale invoices, currency units (see :func:`monetary_value`). Under a model with
        a window, the latter two are those in the window.

    Returns
    -------
    array of int
        Shape (n,): indices into ``model.segments``.

    Examples
    --------
    >>> from models.segment_model import Segment, build
    >>> near = Segment("near", "Near", "", "#000000", "", (0.0, 0.0, 0.0))
    >>> far = Segment("far", "Far", "", "#000000", "", (10.0, 0.0, 0.0))
    >>> model = build("net", "identity", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (near, far))
    >>> assign(model, np.array([4, 5, 6]), np.array([0, 0, 0]), np.array([0.0, 0.0, 0.0])).tolist()
    [0, 0, 1]
    """
    off_axis = off_axis_distances(model, frequency, monetary)
    number = nearest(model, transformed(model, 0, recency_days), off_axis)
    return number if model.window_days is None else np.where(frequency > 0, number, model.index[INACTIVE])


def off_axis_distances(model: SegmentModel, frequency: Ints, monetary: Floats) -> Floats:
    """Squared distances to every centroid that decides, in the frequency-monetary plane, shape (n, j)."""
    frequencies = transformed(model, 1, frequency)[:, None]
    monetaries = transformed(model, 2, monetary)[:, None]
    centroids = model.scored_centroids
    return np.asarray((frequencies - centroids[:, 1]) ** 2 + (monetaries - centroids[:, 2]) ** 2)


def nearest(model: SegmentModel, recency: Floats, off_axis: Floats) -> Ints:
    """The nearest centroid, from standardised recency, shape (n,), and :func:`off_axis_distances`, shape (n, j).

    A point on a border is in the segment with the lower number.
    """
    return np.asarray(squared_distances(model, recency, off_axis).argmin(axis=1), dtype=np.int64)


def squared_distances(model: SegmentModel, recency: Floats, off_axis: Floats) -> Floats:
    """Squared distances to every centroid that decides, shape (n, j), from the arguments of :func:`nearest`."""
    return np.asarray((recency[:, None] - model.scored_centroids[:, 0]) ** 2 + off_axis)
