"""What a customer will do, by the champion's rhythm model: chances, the next order, and the spend of a year. Pure."""

from dataclasses import dataclass
from datetime import datetime

from dashboard.shared.profiles import Profile
from dashboard.shared.rhythm import one_history
from models.rhythm.rhythm_model import HORIZONS, RhythmModel, expected_spend, next_order, p_order
from models.rhythm.rhythms import EARLIEST, LATEST, within_the_clock
from models.rhythm.seasonal_clock import NEVER
from models.units import from_micros, to_micros

#: A moment; None if it is too far ahead to matter.
Moment = datetime | None


@dataclass(frozen=True)
class Predicted:
    """One customer at a moment.

    Parameters
    ----------
    within_30_days, within_90_days
        The probability of an order.
    next_order
        When the next order comes, if there is one: as many come earlier as later.
    half, eight_in_ten
        The earliest and the latest moment of the interval that has this many of such orders.
    yearly_spend
        The expected spend of the next 365 days, in currency units. It allows for customers who are gone.
    """

    within_30_days: float
    within_90_days: float
    next_order: Moment
    half: tuple[Moment, Moment]
    eight_in_ten: tuple[Moment, Moment]
    yearly_spend: float


def predicted(model: RhythmModel, profile: Profile, event_time: datetime) -> Predicted | None:
    """A profile at event time; None without an order."""
    one = one_history(profile)
    if one is None:
        return None
    known = within_the_clock(one.histories)
    now = min(max(to_micros(event_time), EARLIEST), LATEST)
    early_80, early_50, expected, late_50, late_80 = (_moment(int(part[0])) for part in next_order(model, known, now))
    within = [float(p_order(model, known, now, days)[0]) for days in HORIZONS]
    return Predicted(
        within_30_days=within[0],
        within_90_days=within[1],
        next_order=expected,
        half=(early_50, late_50),
        eight_in_ten=(early_80, late_80),
        yearly_spend=float(expected_spend(model, known, one.spent, now)[0]),
    )


def _moment(micros: int) -> Moment:
    return None if micros == NEVER else from_micros(micros)
