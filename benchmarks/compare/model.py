"""The segment model of all contenders: five segments at fixed centroids; and a rhythm model that it can carry."""

import math

from models.rhythm.buying import Buying
from models.rhythm.calibration import Calibration
from models.rhythm.rhythm_model import Calibrations, RhythmModel, build_rhythm
from models.rhythm.seasonal_clock import CALENDAR
from models.rhythm.spending import Spending
from models.segment_model import Segment, SegmentModel, build

_PERSONAS = {
    "champions": (12.0, 14.0, 1_400.0),
    "loyal": (60.0, 6.0, 600.0),
    "promising": (18.0, 1.8, 120.0),
    "slipping": (160.0, 3.0, 250.0),
    "lost": (220.0, 1.2, 60.0),
}
_MEANS = (3.8, 1.4, 5.7)
_SCALES = (1.3, 0.8, 1.1)


def the_model() -> SegmentModel:
    """The model; each persona is given by a typical recency in days, frequency and monetary value."""
    segments = tuple(
        Segment(name, name.title(), "", f"#0000{number:02x}", "", _standardised(typical))
        for number, (name, typical) in enumerate(_PERSONAS.items())
    )
    return build("net", "log1p", _MEANS, _SCALES, segments)


def the_rhythm() -> RhythmModel:
    """A rhythm model with the parameters of an ordinary shop, without seasons."""
    line = Calibration(-0.2, 1.1)
    return build_rhythm(
        Buying(0.7, 50.0, 0.3, 3.0), CALENDAR, Spending(2.4, 3.8, 410.0), Calibrations(line, line, 0.9), lost_below=0.1
    )


def _standardised(typical: tuple[float, float, float]) -> tuple[float, float, float]:
    recency, frequency, monetary = (
        (math.log1p(value) - mean) / scale for value, mean, scale in zip(typical, _MEANS, _SCALES, strict=True)
    )
    return recency, frequency, monetary
