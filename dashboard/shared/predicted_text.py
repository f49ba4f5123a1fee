"""What a customer will do, in words for a marketer. Pure."""

from datetime import datetime

from dashboard.shared import style
from dashboard.shared.predicted import Moment, Predicted
from dashboard.shared.rhythm_text import BEYOND, FORESEEABLE
from models.rhythm.rhythm_model import DAYS_OF_A_YEAR, HORIZONS
from runtime.money import Money

#: Of customers who are presumed lost: the day on which they would order if they were not gone would mislead.
NO_DAY = "They are probably gone, so no day of a next order is named."


def chances(who: Predicted) -> str:
    """How probable an order is: "Back within 30 days: 42%, within 90 days: 76%."."""
    shares = (style.percent(share, 1.0) for share in (who.within_30_days, who.within_90_days))
    first, second = (f"within {days} days: {share}" for days, share in zip(HORIZONS, shares, strict=True))
    return f"Back {first}, {second}."


def next_order(who: Predicted, now: datetime) -> str:
    """When the next order comes, if one does, with the intervals that have half and eight in ten of such orders."""
    if _written(who.next_order, now) == BEYOND:
        return f"The next order, if one comes, is as likely {BEYOND} as before."
    half, most = (" to ".join(_written(end, now) for end in ends) for ends in (who.half, who.eight_in_ten))
    return (
        f"The next order, if one comes: around {_written(who.next_order, now)}; half of such orders come from {half}, "
        f"eight in ten from {most}."
    )


def spend(who: Predicted, money: Money) -> str:
    """The expected spend of the next year."""
    return f"Expected spend within {DAYS_OF_A_YEAR} days: {money.exact(max(who.yearly_spend, 0.0))}."


def _written(moment: Moment, now: datetime) -> str:
    return BEYOND if moment is None or moment - now > FORESEEABLE else style.date(moment)
