"""Fit a segment model on profiles: transform, standardise, cluster with KMeans, and name every cluster."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from msgspec import json, to_builtins
from msgspec.structs import replace
from sklearn.metrics import pairwise_distances_argmin, silhouette_score
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from batch.choices import Scaler
from batch.pipeline import Inits, blank_pipeline, centre_and_scale
from batch.profiles import features, population
from models.alignment import align
from models.drift.reference import METADATA_KEY, take_reference
from models.expected_moves import expected_direction
from models.moves import Direction
from models.personas import ARCHETYPES, name_segments
from models.rank_order import in_rank_order
from models.segment_model import (
    FEATURES,
    INACTIVE,
    RECENCY_UNITS,
    WINDOWS,
    Monetary,
    Point,
    Segment,
    SegmentModel,
    Transform,
    build,
)
from models.trailing_window import with_window
from models.typical import METADATA_KEY as TYPICAL_KEY
from models.typical import typical_ranges
from models.units import Floats, Ints
from models.window_text import in_last_days
from runtime.errors import Hint, SegueError

LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy")
# The silhouette compares all pairs of customers, so a sample bounds time and memory.
SILHOUETTE_SAMPLE = 4_000


class FitError(SegueError, ValueError):
    """No model can be fitted on these profiles; the message says why."""


@dataclass(frozen=True)
class FitResult:
    """A fitted model, its summary and its pipeline.

    Parameters
    ----------
    summary
        By segment id in the model's order: ``persona``, ``size``, and means of ``recency``, ``frequency`` and
        ``monetary`` before the transform (days, sales, currency units).
    pipeline
        The fitted scikit-learn pipeline; ``predict`` on columns R, F, M gives the model's segment numbers. With a
        window it knows only customers with a sale in it.
    """

    model: SegmentModel
    summary: pd.DataFrame
    pipeline: Pipeline


def fit(
    profiles: pd.DataFrame,
    *,
    k: int = 5,
    monetary: Monetary = "net",
    transform: Transform = "log1p",
    scaler: Scaler = "standard",
    seed: int = 42,
    n_init: Inits = 10,
    rank_order: bool = False,
    recency_unit: float = 1.0,
    window_days: int | None = None,
    champion: SegmentModel | None = None,
    metadata: dict[str, Any] | None = None,
) -> FitResult:
    """Fit k segments on profiles as :func:`batch.profiles.profiles_as_of` returns them.

    The defaults are the plain pipeline; :data:`batch.presets.PRESETS` has those of ``segue fit``. Five segments are
    what docs/models.md has evidence for; the seed could be any.

    Parameters
    ----------
    rank_order
        Whether recency is put into the order of rank (:mod:`models.rank_order`), so that time alone promotes none.
    recency_unit
        The days that recency is divided by before the transform.
    window_days
        The window of the profiles, whose frequency and money are those in it. Customers without a sale in it are one
        more segment (:mod:`models.trailing_window`), and have no part in the others.
    champion
        The model whose names are kept (:func:`models.alignment.align`), if it has the same transform, recency unit and
        window, and a standard scaler.
    metadata
        JSON values about the origin of the profiles, stored in the model with the metadata of the fit.

    Raises
    ------
    FitError
        If k, the recency unit or the window is out of range, if fewer than k customers differ, if a number is missing,
        infinite or negative, or if rank order leaves a segment without customers.
    """
    everybody = features(profiles, monetary)
    active = np.ones(len(everybody), dtype=bool)
    if window_days is not None:
        active = (everybody["frequency"] > 0).to_numpy()
    table = everybody[active]
    points = table.to_numpy()
    _check(points, k, recency_unit, window_days)
    # Several threads sum floats in varying order. One thread gives the same version on every machine.
    with threadpool_limits(limits=1):
        pipeline = blank_pipeline(transform, k, seed, scaler, n_init, recency_unit).fit(points)
    kmeans, standardised = pipeline[-1], pipeline[:-1].transform(points)
    shape = (transform, recency_unit, window_days)
    followed = champion if champion is not None and _comparable(champion, *shape) else None
    segments = _named(kmeans.cluster_centers_, standardised, followed)
    if rank_order:
        segments = _in_rank_order(segments, standardised)
    # Order clusters by rank, so that the pipeline and the model number segments in the same way.
    kmeans.cluster_centers_ = np.array([segment.centroid for segment in segments])
    numbers = kmeans.predict(standardised)
    kmeans.labels_ = numbers
    notes = {
        **(metadata or {}),
        "customers": len(profiles),
        "first_purchase_at": profiles["first_purchase_at"].min().isoformat(),
        "last_purchase_at": profiles["last_purchase_at"].max().isoformat(),
        "k": k,
        "scaler": scaler,
        "seed": seed,
        "n_init": n_init,
        "rank_order": rank_order,
        "named_after": None if followed is None else followed.version,
        "sizes": dict(zip((s.id for s in segments), np.bincount(numbers, minlength=k).tolist(), strict=True))
        | ({} if window_days is None else {INACTIVE: int((~active).sum())}),
        "inertia": float(-kmeans.score(standardised)) if rank_order else float(kmeans.inertia_),
        "silhouette": silhouette(standardised, numbers, seed),
        "libraries": {library: version(library) for library in LIBRARIES},
    }
    means, scales = map(_point, centre_and_scale(pipeline))
    model = build(monetary, transform, means, scales, segments, notes, recency_unit)
    if window_days is not None:
        model = with_window(model, window_days)
    # Drift is measured against this reference. It is metadata, so the version stays the same.
    reference = take_reference(model, population(everybody))
    # The pages say what is typical of a segment. Lists, as they are after a model was stored. An inactive customer has
    # neither orders nor money that could be typical.
    typical = json.decode(json.encode(typical_ranges([s.id for s in segments], numbers, population(table))))
    measured = {METADATA_KEY: None if reference is None else to_builtins(reference), TYPICAL_KEY: typical}
    model = replace(model, metadata={**notes, **measured})
    all_numbers = np.full(len(everybody), k)
    all_numbers[active] = numbers
    return FitResult(model, _summary(model, everybody, all_numbers), pipeline)


def direction_of(model: SegmentModel, profiles: pd.DataFrame) -> Direction:
    """How many moves of the customers of some profiles go the wrong way (:mod:`models.expected_moves`)."""
    customers = population(features(profiles[profiles["frequency"] > 0], model.monetary))
    return expected_direction(model, customers.recency, customers.frequency, customers.monetary)


def silhouette(standardised: Floats, numbers: Ints, seed: int) -> float | None:
    """Mean silhouette of a seeded sample; None if it is undefined (one segment, or only segments of one customer)."""
    sample = np.random.default_rng(seed).permutation(len(numbers))[:SILHOUETTE_SAMPLE]
    if not 2 <= len(np.unique(numbers[sample])) < len(sample):
        return None
    return float(silhouette_score(standardised[sample], numbers[sample]))


def _named(centroids: Floats, scaled: Floats, champion: SegmentModel | None) -> tuple[Segment, ...]:
    """Name centroids by their coordinates in standard deviations, whatever units the scaler has."""
    spread = scaled.std(axis=0)
    z_scores = (centroids - scaled.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    named = name_segments(z_scores) if champion is None else align(z_scores, champion)
    centroid = dict(zip(map(_point, z_scores), map(_point, centroids), strict=True))
    return tuple(replace(segment, centroid=centroid[segment.centroid]) for segment in named)


def _in_rank_order(segments: tuple[Segment, ...], standardised: Floats) -> tuple[Segment, ...]:
    """Segments whose recency does not fall from rank to rank."""
    given = np.array([segment.centroid for segment in segments])
    ordered = in_rank_order(given, np.bincount(_nearest(given, standardised), minlength=len(given)))
    sizes = np.bincount(_nearest(ordered, standardised), minlength=len(given))
    if not sizes.all():
        empty = segments[int(sizes.argmin())].name
        raise FitError(
            f"in rank order {empty} has no customers: choose another k, or no rank order", Hint.OMIT_RANK_ORDER
        )
    return tuple(replace(segment, centroid=_point(point)) for segment, point in zip(segments, ordered, strict=True))


def _nearest(centroids: Floats, standardised: Floats) -> Ints:
    return np.asarray(pairwise_distances_argmin(standardised, centroids), dtype=np.int64)


def _comparable(champion: SegmentModel, transform: Transform, recency_unit: float, window_days: int | None) -> bool:
    """Whether a model's centroids are in the same space as those of a new fit: alignment needs z-scores."""
    is_standard = champion.metadata.get("scaler", "standard") == "standard"
    shape = (champion.transform, champion.recency_unit, champion.window_days)
    return is_standard and shape == (transform, recency_unit, window_days)


def _check(points: Floats, k: int, recency_unit: float, window_days: int | None) -> None:
    if not 1 <= k <= len(ARCHETYPES):
        raise FitError(f"k must be from 1 to {len(ARCHETYPES)}, not {k}")
    least, greatest = RECENCY_UNITS
    if not least <= recency_unit <= greatest:
        raise FitError(f"the recency unit must be from {least} to {greatest:,.0f} days, not {recency_unit}")
    shortest, longest = WINDOWS
    if window_days is not None and not shortest <= window_days <= longest:
        raise FitError(f"a window has from {shortest} to {longest:,} days, not {window_days}")
    if not np.isfinite(points).all():
        raise FitError("profiles have missing or infinite numbers: make profiles with profiles_as_of")
    if (points < 0).any():
        raise FitError("profiles have negative numbers: is the cutoff before the last purchase?")
    different = len(np.unique(points, axis=0))
    if different < k:
        where = "" if window_days is None else f" with an order{in_last_days(window_days)}"
        raise FitError(f"{k} segments need at least {k} different customers{where}, but there are {different}")


def _point(values: Floats) -> Point:
    recency, frequency, monetary = values.tolist()
    return recency, frequency, monetary


def _summary(model: SegmentModel, table: pd.DataFrame, numbers: Ints) -> pd.DataFrame:
    groups = table.groupby(numbers)
    summary = groups[list(FEATURES)].mean().reindex(range(len(model.segments)))
    summary.insert(0, "persona", [segment.name for segment in model.segments])
    summary.insert(1, "size", groups.size().reindex(summary.index, fill_value=0))
    summary.index = pd.Index([segment.id for segment in model.segments], name="segment")
    return summary
