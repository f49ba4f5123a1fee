"""How many transactions a key may post: a bucket that fills with time. Pure: time is an argument, in seconds."""

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """Room for ``rate`` items a second, and for a burst of ten seconds' worth."""

    rate: float
    room: float
    at: float

    @classmethod
    def full(cls, rate: float, now: float) -> "Bucket":
        """A bucket with all its room."""
        return cls(rate, 10 * rate, now)

    def wait_seconds(self, items: int, now: float) -> float:
        """0 if the items may come now, and then their room is taken; else the seconds until they may.

        More items than a burst are let in by an unused bucket, and the next ones wait longer.

        Examples
        --------
        >>> bucket = Bucket.full(100, now=0)
        >>> bucket.wait_seconds(1_000, now=0), bucket.wait_seconds(200, now=0), bucket.wait_seconds(200, now=2)
        (0.0, 2.0, 0.0)
        """
        most = 10 * self.rate
        self.room = min(most, self.room + (now - self.at) * self.rate)
        self.at = now
        missing = min(items, most) - self.room
        if missing > 0:
            return missing / self.rate
        self.room -= items
        return 0.0
