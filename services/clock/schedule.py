"""When the clock ticks. Pure: every moment is an argument."""

from dataclasses import dataclass
from datetime import datetime, timedelta

#: The default of how far ticks are behind the wall clock, so that late orders still come before them.
GRACE = timedelta(minutes=5)
#: The default of how long the clock is silent while no customer's segment is due to change.
EVERY = timedelta(minutes=1)


@dataclass(slots=True)
class TickSchedule:
    """The ticks of a live stream, which never go back.

    Parameters
    ----------
    grace
        How far ticks are behind the wall clock. An order that arrives later than that is late.
    every
        The longest time between two ticks.
    last
        The newest tick that every partition has; None before the first one.
    """

    grace: timedelta = GRACE
    every: timedelta = EVERY
    last: datetime | None = None

    def due(self, now: datetime, next_change_at: datetime | None) -> datetime | None:
        """The tick to send at a moment of the wall clock; None if there is nothing to send.

        Parameters
        ----------
        next_change_at
            The moment of the next segment change by time alone after ``last``; None if there is none.

        Examples
        --------
        >>> from datetime import UTC
        >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
        >>> ticks = TickSchedule(grace=timedelta(minutes=5), every=timedelta(minutes=1), last=noon)
        >>> ticks.due(noon + timedelta(minutes=5, seconds=30), None)
        >>> str(ticks.due(noon + timedelta(minutes=5, seconds=30), noon + timedelta(seconds=30)))
        '2026-03-01 12:00:30+00:00'
        """
        tick = now - self.grace
        if self.last is None or tick - self.last >= self.every:
            return tick
        if next_change_at is not None and self.last < next_change_at <= tick:
            return tick
        return None
