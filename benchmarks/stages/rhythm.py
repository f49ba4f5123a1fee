"""The rhythm model that the stages are measured with; that of the customers of Online Retail II is much like it."""

from models.rhythm.buying import Buying
from models.rhythm.calibration import Calibration
from models.rhythm.rhythm_model import Calibrations, RhythmModel, build_rhythm
from models.rhythm.seasonal_clock import SeasonalClock
from models.rhythm.spending import Spending


def a_rhythm() -> RhythmModel:
    """A rhythm model with seasons."""
    line = Calibration(-0.2, 1.1)
    clock = SeasonalClock((0.8, 0.9) * 8 + (1.1, 1.2, 1.3, 1.4, 1.5, 1.4, 1.2, 0.7))
    buying, spending = Buying(0.7, 50.0, 0.3, 3.0), Spending(2.4, 3.8, 410.0)
    return build_rhythm(buying, clock, spending, Calibrations(line, line, 0.9), lost_below=0.1)
