"""The segment model of all contenders: five segments at fixed centroids."""

import math

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


def _standardised(typical: tuple[float, float, float]) -> tuple[float, float, float]:
    recency, frequency, monetary = (
        (math.log1p(value) - mean) / scale for value, mean, scale in zip(typical, _MEANS, _SCALES, strict=True)
    )
    return recency, frequency, monetary
