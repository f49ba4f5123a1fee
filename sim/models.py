"""The segment models of all histories. Their borders are between whole days, so that rounding decides nothing."""

from models.segment_model import Segment, SegmentModel, build


def _segment(name: str, recency: float, frequency: float) -> Segment:
    return Segment(name, name.title(), "", "#000000", "", (recency, frequency, 0.003))


def _segments(*centroids: tuple[float, float]) -> tuple[Segment, ...]:
    """The four segments of a model at these places of recency and frequency."""
    names = ("here", "loyal", "away", "lost")
    return tuple(_segment(name, *centroid) for name, centroid in zip(names, centroids, strict=True))


def _in_days(away: float, lost: float, loyal: float) -> SegmentModel:
    segments = _segments((0.1, 1.0), (2.3, loyal), (away, 1.1), (lost, 1.3))
    return build("net", "identity", (0.0, 0.0, 0.0), (1.0, 0.3, 5000.0), segments)


def _in_weeks() -> SegmentModel:
    segments = _segments((0.0, 1.15), (0.3, 2.3), (1.6, 1.15), (2.4, 1.15))
    return build("net", "log1p", (0.0, 0.0, 0.0), (1.0, 0.6, 5000.0), segments, recency_unit=7.0)


MODELS = (_in_days(21.7, 63.3, 14.9), _in_days(12.9, 41.7, 9.7), _in_weeks())
