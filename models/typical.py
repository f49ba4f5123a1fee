"""What is typical of a segment, from the numbers of the customers whom its model was fitted on.

A persona's text describes an idea. These ranges are what the customers of the segment really do, and they show who does
not fit it: a customer can be in a segment because no centroid is nearer, and yet be far from everybody else in it.
"""

from typing import NamedTuple, Self

import msgspec
import numpy as np
from msgspec import Struct

from models.drift.reference import Population
from models.segment_model import FEATURES, SegmentModel
from models.units import Floats, Ints

#: The key in a model's metadata.
METADATA_KEY = "typical"
#: Customers below the first or above the last share of a segment do not fit it; those between the others are typical.
SHARES = (0.01, 0.1, 0.9, 0.99)


class TypicalRange(NamedTuple):
    """Values that customers of a segment really have: at each of :data:`SHARES`."""

    least: float
    low: float
    high: float
    most: float

    def fits(self, value: float) -> bool:
        """Whether all but 1 % of the segment's customers on that side are no further out."""
        return self.least <= value <= self.most

    @classmethod
    def of(cls, values: Ints | Floats) -> Self:
        """The range of some customers' values, at least one."""
        outer = np.quantile(values, SHARES[:2], method="lower"), np.quantile(values, SHARES[2:], method="higher")
        return cls(*np.concatenate(outer).astype(float).tolist())


class Typical(Struct, frozen=True):
    """The ranges of a segment: recency in days, frequency in sales, monetary value in currency units."""

    recency: TypicalRange
    frequency: TypicalRange
    monetary: TypicalRange

    def misfits(self, recency: float, frequency: float, monetary: float) -> list[str]:
        """The features in which a customer does not fit the segment, in the order of :data:`FEATURES`."""
        ranges, values = (self.recency, self.frequency, self.monetary), (recency, frequency, monetary)
        return [name for name, known, value in zip(FEATURES, ranges, values, strict=True) if not known.fits(value)]


def typical_ranges(segments: list[str], numbers: Ints, customers: Population) -> dict[str, Typical]:
    """The ranges of each segment that has customers.

    Parameters
    ----------
    segments, numbers
        The segments' ids; and for each of n customers, the place of the segment in them.

    Examples
    --------
    >>> everybody = Population(np.arange(1, 101), np.full(100, 2), np.full(100, 9.5))
    >>> typical_ranges(["loyal"], np.zeros(100, dtype=np.int64), everybody)["loyal"].recency
    TypicalRange(least=1.0, low=10.0, high=91.0, most=100.0)
    """
    ranges = {}
    for number, segment in enumerate(segments):
        own = customers.where(numbers == number)
        if len(own):
            ranges[segment] = Typical(
                TypicalRange.of(own.recency), TypicalRange.of(own.frequency), TypicalRange.of(own.monetary)
            )
    return ranges


def typical_of(model: SegmentModel, segment: str) -> Typical | None:
    """The ranges of a segment in a model's metadata; None if there are none, or if they can't be read."""
    found = model.metadata.get(METADATA_KEY)
    if not isinstance(found, dict) or segment not in found:
        return None
    try:
        return msgspec.convert(found[segment], Typical)
    except msgspec.ValidationError:
        return None
