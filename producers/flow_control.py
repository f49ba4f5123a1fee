"""Flow control: a replay waits while the workers are too far behind (backpressure).

The lag is the difference between the end offsets in the log and the next offsets in Postgres. Backpressure is useful
on any broker and necessary on the embedded one, which keeps only about 5 MB per partition.
"""

import math
import time
from collections.abc import Callable

#: The default for the largest lag, in records.
MAX_LAG = 10_000
_POLL_SECONDS = 0.05


class FlowControl:
    """Stops a producer while the lag is above ``high`` records, and until the lag has fallen to half of that.

    Parameters
    ----------
    ends
        Returns the end offset of each partition.
    next_offsets
        Returns the next offset by partition.
    high
        The largest lag, in records.
    unreachable
        Errors that mean that the broker or Postgres does not answer, so that the lag is unknown.
    """

    def __init__(
        self,
        ends: Callable[[], list[int]],
        next_offsets: Callable[[], dict[int, int]],
        high: int,
        unreachable: tuple[type[Exception], ...] = (),
    ) -> None:
        self._ends = ends
        self._next_offsets = next_offsets
        self._high = high
        self._unreachable = unreachable
        self._closed = False
        self._looked = -_POLL_SECONDS
        self.last_lag = 0

    def lag(self) -> float:
        """The records in the log that the workers have not committed; infinite while that is unknown."""
        try:
            offsets = self._next_offsets()
            self.last_lag = sum(max(end - offsets.get(partition, 0), 0) for partition, end in enumerate(self._ends()))
        except self._unreachable:
            return math.inf
        finally:
            self._looked = time.monotonic()
        return self.last_lag

    def has_room(self, queued: int) -> bool:
        """Whether the producer may go on, given how many records it has queued and not sent yet."""
        if time.monotonic() - self._looked >= _POLL_SECONDS:
            behind = self.lag() + queued
            self._closed = behind > (self._high / 2 if self._closed else self._high)
        return not self._closed
