"""How fast event time passes. Pure: wall-clock seconds come in as arguments."""

import math
import re
from dataclasses import dataclass

from models.units import MICROS_PER_DAY

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_SPEED = re.compile(r"(?P<amount>\d+(\.\d+)?)(?P<unit>[smhdw])(/s)?")


@dataclass(frozen=True, slots=True)
class Speed:
    """Event-time seconds per second; infinite for ``max``."""

    factor: float

    @classmethod
    def parse(cls, text: str) -> "Speed":
        """Read ``1d/s``, ``12h/s``, ``2w/s``, ``1s/s`` (real time) or ``max``.

        Raises
        ------
        ValueError
            If it is none of these.

        >>> Speed.parse("7d/s").factor
        604800.0
        """
        if text.strip().lower() == "max":
            return cls(math.inf)
        match = _SPEED.fullmatch(text.strip().lower())
        if match is None or float(match["amount"]) == 0:
            raise ValueError(f"{text!r} is not a speed: write event time per second, such as 1d/s, 12h/s, or max")
        return cls(float(match["amount"]) * _UNITS[match["unit"]])

    def __str__(self) -> str:
        return "max" if math.isinf(self.factor) else f"{self.factor / 86_400:g}d/s"


@dataclass(frozen=True, slots=True)
class EventClock:
    """Event time that runs from ``start`` (micros) at a speed, from a moment of the wall clock on (seconds)."""

    start: int
    speed: Speed
    started: float

    def reached(self, now: float) -> float:
        """Event time in micros at a wall-clock moment."""
        if math.isinf(self.speed.factor):
            return math.inf
        return self.start + (now - self.started) * self.speed.factor * 1e6


def days_between(earlier: int, later: int) -> range:
    """The midnights (micros) after ``earlier`` and up to ``later``: the moments at which a replay ticks."""
    first = (earlier // MICROS_PER_DAY + 1) * MICROS_PER_DAY
    return range(first, later + 1, MICROS_PER_DAY)
