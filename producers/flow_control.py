"""Flow control: how far the worker is behind, and whether there is room for more.

The truth about progress is in Postgres; the log's own ends say how much there is. Their difference is the lag. Holding
back is right on any broker, and needed on the embedded one, which keeps only about 5 MB a partition.
"""

import math
import time
from collections.abc import Callable

#: How many records a worker may be behind unless somebody says otherwise.
MAX_LAG = 10_000
_LOOK_SECONDS = 0.05


class FlowControl:
    """Opens and closes by the lag: closed above ``high`` records, open again below half of that.

    ``away`` are the errors that say that the broker or Postgres can't be asked now: nobody knows the lag then.
    """

    def __init__(
        self,
        ends: Callable[[], list[int]],
        done: Callable[[], dict[int, int]],
        high: int,
        away: tuple[type[Exception], ...] = (),
    ) -> None:
        self._ends = ends
        self._done = done
        self._high = high
        self._away = away
        self._closed = False
        self._looked = -_LOOK_SECONDS
        self.last_lag = 0

    def lag(self) -> float:
        """Records in the log that the worker has not committed; infinitely many if nobody knows."""
        try:
            done = self._done()
            self.last_lag = sum(max(end - done.get(partition, 0), 0) for partition, end in enumerate(self._ends()))
        except self._away:
            return math.inf
        finally:
            self._looked = time.monotonic()
        return self.last_lag

    def open(self, queued: int) -> bool:
        """Whether there is room, with some records still queued on our side."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            behind = self.lag() + queued
            self._closed = behind > (self._high / 2 if self._closed else self._high)
        return not self._closed
