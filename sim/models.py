"""The models of all histories. The borders of segments are between whole days, so that rounding decides nothing."""

import random

from models.rhythm.buying import Buying
from models.rhythm.calibration import Calibration
from models.rhythm.carried import carrying
from models.rhythm.rhythm_model import Calibrations, RhythmModel, build_rhythm
from models.rhythm.seasonal_clock import CALENDAR, SeasonalClock
from models.rhythm.spending import Spending
from models.segment_model import Segment, SegmentModel, build
from models.trailing_window import with_window

#: In this many histories, some models carry a rhythm model.
_PREDICTING = 0.6
#: In this many histories, some models have a window.
_WINDOWED = 0.5
_WINDOWS = (None, 5, 17, 60)


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


def _rhythm(buying: Buying, clock: SeasonalClock, lost_below: float) -> RhythmModel:
    line = Calibration(-0.2, 1.1)
    return build_rhythm(buying, clock, Spending(2.4, 3.8, 410.0), Calibrations(line, line, 1.0), lost_below)


_SEASONS = SeasonalClock((1.3, 1.1, 0.8, 0.9, 1.0, 0.9) * 4)
#: Customers are due after days; they are lost after weeks, or before they could be overdue.
_RHYTHMS = (_rhythm(Buying(2.0, 10.0, 1.0, 4.0), CALENDAR, 0.1), _rhythm(Buying(1.2, 15.0, 3.0, 2.0), _SEASONS, 0.5))


def drawn(chance: random.Random) -> tuple[SegmentModel, ...]:
    """The models of a history: some with a rhythm model, which two may share, and some with a window."""
    rhythms: list[RhythmModel | None] = [None for _ in MODELS]
    if chance.random() < _PREDICTING:
        rhythms = [chance.choice((None, *_RHYTHMS)) for _ in MODELS]
    windows: list[int | None] = [None for _ in MODELS]
    if chance.random() < _WINDOWED:
        windows = [chance.choice(_WINDOWS) for _ in MODELS]
    counted = (model if days is None else with_window(model, days) for model, days in zip(MODELS, windows, strict=True))
    pairs = zip(counted, rhythms, strict=True)
    return tuple(model if rhythm is None else carrying(model, rhythm) for model, rhythm in pairs)
