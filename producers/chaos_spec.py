"""How much chaos a replay injects: ``duplicates=0.02,late=0.05,shuffle=2h,malformed=0.001,conflicts=0.0005``."""

from dataclasses import dataclass
from datetime import timedelta

from runtime.durations import duration
from runtime.errors import SegueError

SHARES = ("duplicates", "late", "malformed", "conflicts")
_LONGEST = timedelta(days=30)
_ALLOWED = (
    f"{', '.join(SHARES[:-1])} and {SHARES[-1]} are shares from 0 to 1, "
    "shuffle is a time such as 30m, 2h or 1d, at most 30d"
)
_MICROSECOND = timedelta(microseconds=1)


class ChaosError(SegueError):
    """A specification that can't be read."""


@dataclass(frozen=True, slots=True)
class Chaos:
    """Shares of the transactions, from 0 to 1, and the window (micros of event time) within which they are shuffled."""

    duplicates: float = 0.0
    late: float = 0.0
    malformed: float = 0.0
    conflicts: float = 0.0
    shuffle: int = 0

    @classmethod
    def parse(cls, text: str) -> "Chaos":
        """Read a specification: ``KEY=VALUE`` with commas between.

        Raises
        ------
        ChaosError
            If a key is unknown or repeated, or a value is not in its range.

        Examples
        --------
        >>> Chaos.parse("late=0.05,shuffle=1s")
        Chaos(duplicates=0.0, late=0.05, malformed=0.0, conflicts=0.0, shuffle=1000000)
        """
        found = dict[str, str]()
        for part in text.split(","):
            name, _, value = (each.strip() for each in part.partition("="))
            if name not in (*SHARES, "shuffle"):
                raise ChaosError(f"{name!r} is no kind of chaos: {_ALLOWED}")
            if name in found:
                raise ChaosError(f"the chaos {name} is given twice")
            found[name] = value
        window = _shuffle(found.pop("shuffle")) if "shuffle" in found else 0
        return cls(**{name: _share(name, value) for name, value in found.items()}, shuffle=window)


def _share(name: str, value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    # Also false for NaN.
    if not 0 <= share <= 1:
        raise ChaosError(f"the chaos {name}={value} is not a share from 0 to 1: {_ALLOWED}")
    return share


def _shuffle(value: str) -> int:
    try:
        window = duration(value)
    except (ValueError, OverflowError):
        window = timedelta.max
    if window > _LONGEST:
        raise ChaosError(f"the chaos shuffle={value} is not a time of at most 30 days: {_ALLOWED}")
    return window // _MICROSECOND
