"""The segment models of all histories. Their borders are between whole days, so that rounding decides nothing."""

from models.segment_model import Segment, SegmentModel, build


def _segment(name: str, recency: float, frequency: float) -> Segment:
    return Segment(name, name.title(), "", "#000000", "", (recency, frequency, 0.003))


def _models() -> tuple[SegmentModel, ...]:
    def model(away: float, lost: float, loyal: float) -> SegmentModel:
        segments = (
            _segment("here", 0.1, 1.0),
            _segment("loyal", 2.3, loyal),
            _segment("away", away, 1.1),
            _segment("lost", lost, 1.3),
        )
        return build("net", "identity", (0.0, 0.0, 0.0), (1.0, 0.3, 5000.0), segments)

    def in_weeks(away: float, lost: float, loyal: float) -> SegmentModel:
        segments = (
            _segment("here", 0.0, 1.15),
            _segment("loyal", 0.3, loyal),
            _segment("away", away, 1.15),
            _segment("lost", lost, 1.15),
        )
        return build("net", "log1p", (0.0, 0.0, 0.0), (1.0, 0.6, 5000.0), segments, recency_unit=7.0)

    return model(21.7, 63.3, 14.9), model(12.9, 41.7, 9.7), in_weeks(1.6, 2.4, 2.3)


MODELS = _models()
