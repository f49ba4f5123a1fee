"""The speed of event time in a replay. Pure: wall-clock times are arguments, in seconds."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_SPEED = re.compile(r"(?P<amount>\d+(\.\d+)?)((?P<unit>[smhdw])(/s)?|x)")
# A number of its own: every command knows speeds, and models.units imports numpy.
_MICROS_PER_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Speed:
    """Event-time seconds per second; infinite for ``max``, zero for :data:`STILL`."""

    factor: float

    @classmethod
    def parse(cls, text: str) -> "Speed":
        """Read ``1d/s``, ``12h/s``, ``2w/s``, ``1s/s`` (real time), ``500x`` (500 times real time) or ``max``.

        Raises
        ------
        ValueError
            If the text is none of these.

        >>> Speed.parse("7d/s").factor, Speed.parse("500x").factor
        (604800.0, 500.0)
        """
        if text.strip().lower() == "max":
            return cls(math.inf)
        match = _SPEED.fullmatch(text.strip().lower())
        if match is None or float(match["amount"]) == 0:
            raise ValueError(f"{text!r} is not a speed: write event time per second, such as 1d/s, 12h/s, 500x, or max")
        return cls(float(match["amount"]) * _UNITS[match["unit"] or "s"])

    def __str__(self) -> str:
        """The speed as :meth:`parse` reads it, in the largest unit that gives a whole number.

        >>> str(Speed(604800)), str(Speed(43200)), str(Speed(500)), str(Speed(math.inf))
        ('7d/s', '12h/s', '500x', 'max')
        """
        if math.isinf(self.factor):
            return "max"
        for unit in "dhm":
            if self.factor and self.factor % _UNITS[unit] == 0:
                return f"{_decimal(self.factor / _UNITS[unit])}{unit}/s"
        return f"{_decimal(self.factor)}x"


def _decimal(amount: float) -> str:
    """All digits of a number, without an exponent, which a speed does not have."""
    return f"{Decimal(repr(amount)).normalize():f}"


#: The speed of a paused replay.
STILL = Speed(0.0)


@dataclass(frozen=True, slots=True)
class EventClock:
    """Event time that runs at a speed: it is ``start`` (micros) at the wall-clock time ``started`` (seconds)."""

    start: float
    speed: Speed
    started: float

    def event_time(self, now: float) -> float:
        """Event time in micros at a wall-clock time."""
        if math.isinf(self.speed.factor):
            return math.inf
        return self.start + (now - self.started) * self.speed.factor * 1e6

    def due(self, moment: int, now: float) -> bool:
        """Whether event time is at or after a moment (micros); nothing is due while event time does not pass."""
        return self.speed != STILL and self.event_time(now) >= moment

    def changed(self, speed: Speed, now: float, upcoming: int) -> "EventClock":
        """A clock that continues at another speed without a jump in event time.

        ``upcoming`` (micros) is the moment of the next record. If that record is overdue, event time continues from its
        moment, so that a replay that was held back does not send everything overdue at once.
        """
        return EventClock(min(self.event_time(now), upcoming), speed, now)


class RateLimit:
    """At most ``rate`` records per second, evenly; without a rate, no limit. Wall-clock times are in seconds."""

    # What a nap between two looks may cost is made up for; a longer pause is not.
    _MADE_UP_SECONDS = 0.1

    def __init__(self, rate: float | None, now: float) -> None:
        self._spacing = 0.0 if rate is None else 1 / rate
        self._next = now

    def holds(self, now: float) -> bool:
        """Whether the next record has to wait."""
        return self._spacing > 0 and now < self._next

    def note(self, now: float) -> None:
        """Count a record that has been sent."""
        self._next = max(self._next, now - self._MADE_UP_SECONDS) + self._spacing


def days_between(earlier: int, later: int) -> range:
    """The midnights (micros) after ``earlier`` and up to ``later``, at which a replay sends its ticks."""
    first = (earlier // _MICROS_PER_DAY + 1) * _MICROS_PER_DAY
    return range(first, later + 1, _MICROS_PER_DAY)
