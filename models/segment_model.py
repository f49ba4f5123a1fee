"""A segment model: an immutable, versioned value that says which segment a point of R, F, M is in.

Recency counts in the model's unit, and frequency and monetary value over the customer's whole life or over a trailing
window. Each feature is transformed (``log1p`` or ``identity``) and standardised, and the
nearest centroid decides the segment (a Voronoi partition); :mod:`models.scoring` computes it.

References
----------
Lloyd, S. P. (1982). Least squares quantization in PCM. IEEE Transactions on Information Theory 28(2): KMeans, whose
clusters are the segments.
Hughes, A. M. (1994). Strategic Database Marketing: recency, frequency and monetary value.
"""

import hashlib
import math
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from models.units import Floats

MOST_SEGMENTS = 100
"""A model with more segments is refused: every customer is compared with every segment."""
MOST_METADATA_BYTES = 1_000_000
MOST_METADATA_LEVELS = 32
ONE_DAY = 1.0
RECENCY_UNITS = (0.01, 100_000.0)
"""The least and the greatest recency unit, in days: beyond them the transform loses the differences between days."""
WINDOWS = (1, 36_500)
"""The shortest and the longest trailing window, in days."""
INACTIVE = "inactive"
"""The id of the segment of customers without a purchase in the window."""
LONGEST_TEXT = 1_000
"""The most characters in a segment's name, description or action."""
FEATURES = ("recency", "frequency", "monetary")
NO_SEGMENT = -1

Monetary = Literal["net", "gross"]
Transform = Literal["log1p", "identity"]
Point = tuple[float, float, float]


class ModelError(ValueError):
    """A segment model that cannot be used; the message says why."""


class Segment(Struct, frozen=True):
    """One segment: a persona and its centroid in transformed and standardised space."""

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    name: str
    description: str
    colour: Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}$")]
    action: str
    centroid: Point


class SegmentModel(Struct, frozen=True, dict=True, omit_defaults=True):
    """A segment model. :func:`build` makes one and :func:`from_json` reads one; both check it.

    Parameters
    ----------
    version
        A digest of all other fields but ``metadata``: models with equal definitions have equal versions.
    monetary
        ``net`` of returns and floored at 0, or ``gross``.
    transform
        Applied to every feature before it is standardised.
    means, scales
        Mean and standard deviation of each transformed feature, in the order recency, frequency, monetary.
    segments
        At least one; their order is the order of the numbers that :func:`models.scoring.assign` returns.
    metadata
        Where the model comes from (dataset, cutoff, k curve, ...). It has no effect on scoring or on the version.
    recency_unit
        The days that recency is divided by before the transform, so that with ``log1p`` differences of less than a unit
        count little. JSON leaves out a unit of 1. A model with another unit has a version that readers who do not know
        this field find wrong: they refuse the model, and never score with it.
    window_days
        The whole days of the trailing window over which frequency and monetary value count; None counts all orders.
        With a window the last segment is :data:`INACTIVE`. JSON and the version leave None out, as they do a unit of 1.
    """

    version: str
    monetary: Monetary
    transform: Transform
    means: Point
    scales: Point
    segments: tuple[Segment, ...]
    # With a factory that is not the type itself, empty metadata is written: only the fields below may be left out.
    metadata: dict[str, Any] = msgspec.field(default_factory=lambda: {})
    recency_unit: float = ONE_DAY
    window_days: int | None = None

    def __post_init__(self) -> None:
        # JSON leaves out a default that is this very object, and not one that is equal.
        if self.recency_unit == ONE_DAY:
            msgspec.structs.force_setattr(self, "recency_unit", ONE_DAY)

    @cached_property
    def centroids(self) -> Floats:
        """Centroids in standardised space, shape (k, 3)."""
        return np.array([segment.centroid for segment in self.segments], dtype=np.float64)

    @cached_property
    def scored_centroids(self) -> Floats:
        """The centroids that decide, shape (j, 3): all but that of inactive customers, who are in no cell of any."""
        return self.centroids if self.window_days is None else self.centroids[:-1]

    @cached_property
    def index(self) -> dict[str, int]:
        """Segment number by segment id."""
        return {segment.id: number for number, segment in enumerate(self.segments)}


def build(
    monetary: Monetary,
    transform: Transform,
    means: Point,
    scales: Point,
    segments: tuple[Segment, ...],
    metadata: dict[str, Any] | None = None,
    recency_unit: float = ONE_DAY,
    window_days: int | None = None,
) -> SegmentModel:
    """Make a model, with the digest of its definition as its version, and check it.

    Raises
    ------
    ModelError
        If the numbers do not form a valid model.
    """
    exact = tuple(msgspec.structs.replace(segment, centroid=_plain(segment.centroid)) for segment in segments)
    unit = float(recency_unit)
    places = _plain(means), _plain(scales)
    draft = SegmentModel("", monetary, transform, *places, exact, metadata or {}, unit, window_days)
    model = msgspec.structs.replace(draft, version=_digest(draft))
    return checked(model)


def from_json(text: bytes | str) -> SegmentModel:
    """Read a model and check it.

    Raises
    ------
    ModelError
        If the text is not JSON, lacks a field, or has numbers that do not form a valid model.
    """
    try:
        model = msgspec.json.decode(text, type=SegmentModel)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ModelError(f"not a segment model: {error}") from error
    return checked(model)


def from_registry(spec: str, metadata: str | None) -> SegmentModel:
    """Read a stored model from its JSON without metadata, and the JSON of its metadata.

    The limits apply when a model is registered or activated: one that was stored before they existed still loads. Its
    metadata, which has no effect on scoring, is left out if it can't be read.

    Raises
    ------
    ModelError
        If the numbers do not form a valid model.
    """
    try:
        model = msgspec.json.decode(spec, type=SegmentModel)
        found = None if metadata is None else msgspec.json.decode(metadata, type=dict[str, Any])
        within = found is None or not _levels_exceed(found, MOST_METADATA_LEVELS)
    except RecursionError:
        found, within = None, False
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(f"not a segment model: {error}") from error
    return consistent(msgspec.structs.replace(model, metadata=found if found is not None and within else {}))


def to_json(model: SegmentModel) -> bytes:
    """The model as JSON; :func:`from_json` reads it back to an equal value."""
    return msgspec.json.encode(model)


def _plain(point: Point) -> Point:
    """The point as floats without -0.0, which JSON and Postgres do not preserve; the digest must survive both."""
    recency, frequency, monetary = (float(number) + 0.0 for number in point)
    return recency, frequency, monetary


def _digest(model: SegmentModel) -> str:
    # A unit of 1 and no window are no part of it, so that models from before there were any keep their versions.
    unit = () if model.recency_unit == ONE_DAY else (model.recency_unit,)
    window = () if model.window_days is None else ({"window_days": model.window_days},)
    definition = (model.monetary, model.transform, model.means, model.scales, model.segments, *unit, *window)
    return f"k{len(model.segments)}-{hashlib.sha256(msgspec.json.encode(definition)).hexdigest()[:12]}"


def checked(model: SegmentModel) -> SegmentModel:
    """Return the model unchanged if it is valid and not larger than a model may be.

    Raises
    ------
    ModelError
        If it exceeds a limit, its numbers do not form a valid model, or its version is not the digest of its
        definition.
    """
    _check_size(model)
    return consistent(model)


def consistent(model: SegmentModel) -> SegmentModel:
    """Return the model unchanged if it is valid, whatever its size.

    Raises
    ------
    ModelError
        If its numbers do not form a valid model, or its version is not the digest of its definition.
    """
    if not model.segments:
        raise ModelError("a segment model needs at least one segment")
    if len(model.index) != len(model.segments):
        raise ModelError("two segments have the same id")
    numbers = [*model.means, *model.scales, *(number for segment in model.segments for number in segment.centroid)]
    if not all(math.isfinite(number) for number in numbers):
        raise ModelError("means, scales and centroids must be finite numbers")
    if min(model.scales) <= 0:
        raise ModelError("scales must be greater than 0")
    least, greatest = RECENCY_UNITS
    if not least <= model.recency_unit <= greatest:
        raise ModelError(f"the recency unit must be from {least} to {greatest:,.0f} days, not {model.recency_unit}")
    _check_window(model)
    scored = model.segments if model.window_days is None else model.segments[:-1]
    if len({segment.centroid for segment in scored}) != len(scored):
        raise ModelError("two segments have the same centroid")
    if model.version != _digest(model):
        raise ModelError(f"version {model.version} does not match its content ({_digest(model)}): was it edited?")
    return model


def _check_window(model: SegmentModel) -> None:
    if model.window_days is None:
        return
    least, greatest = WINDOWS
    if not least <= model.window_days <= greatest:
        raise ModelError(f"a window has from {least} to {greatest:,} days, not {model.window_days}")
    if len(model.segments) == 1 or model.segments[-1].id != INACTIVE:
        raise ModelError(f"the last one of several segments of a model with a window must be {INACTIVE}")


def _check_size(model: SegmentModel) -> None:
    """Refuse a model that is too large, before an array is built from it."""
    if len(model.segments) > MOST_SEGMENTS:
        raise ModelError(f"a segment model has at most {MOST_SEGMENTS} segments, not {len(model.segments):,}")
    for segment in model.segments:
        if max(len(segment.name), len(segment.description), len(segment.action)) > LONGEST_TEXT:
            raise ModelError(f"a text of segment {segment.id} has more than {LONGEST_TEXT:,} characters")
    if _levels_exceed(model.metadata, MOST_METADATA_LEVELS):
        raise ModelError(f"the metadata of a segment model has at most {MOST_METADATA_LEVELS} levels")
    if len(msgspec.json.encode(model.metadata)) > MOST_METADATA_BYTES:
        raise ModelError(f"the metadata of a segment model has at most {MOST_METADATA_BYTES:,} bytes as JSON")


def _levels_exceed(value: object, most: int) -> bool:
    """Whether JSON values are nested more than ``most`` levels deep; a loop, because recursion has a limit itself."""
    level: list[object] = [value]
    for _ in range(most + 1):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list | tuple)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return False
    return True
