"""The status of each partition of a worker, as its metrics and its health report it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from stream_app.core.columns import LONG_AGO
from stream_app.partition_life import State

#: Seconds that only grow, such as :func:`time.monotonic`.
Clock = Callable[[], float]

_SHOWN_SECONDS = 30.0


class LogEnd(NamedTuple):
    """The end offset of a partition, and the seconds since the broker last reported it; None if it is not known."""

    end: int | None
    age: float | None


class LogFaultStatus(NamedTuple):
    """A fault of the log, the next offset at which the partition has caught up, and when the fault was noticed.

    ``noticed_at`` is in seconds of the status's clock.
    """

    text: str
    caught_up_offset: int
    noticed_at: float


@dataclass(slots=True)
class PartitionStatus:
    """The status of one partition of this worker.

    ``failures`` is the number of failures in a row, and ``fault`` the last one; only a commit, or having caught up with
    the log, ends them. ``log_fault`` is the last fault of the log. ``committed_at`` is in seconds of ``clock``: the
    last commit, by whichever worker, or the assignment if there never was one. ``claimed_at`` is None before the claim.
    ``state`` is that of the partition's life.
    """

    clock: Clock
    committed_at: float
    state: State = State.ASSIGNED
    claimed_at: float | None = None
    failures: int = 0
    fault: str | None = None
    log_fault: LogFaultStatus | None = None
    next_offset: int = 0
    watermark: int = LONG_AGO
    change_position: int = 0
    published_position: int = 0
    ahead_of_postgres: int = 0
    risk_position: int = 0
    risk_published_position: int = 0
    risk_ahead_of_postgres: int = 0

    def enter(self, state: State) -> None:
        """The partition's life has gone on to a state."""
        if state.is_claimed and not self.claimed:
            self.claimed_at = self.clock()
        self.state = state

    @property
    def claimed(self) -> bool:
        """Whether the partition counts as claimed."""
        return self.state.is_claimed

    @property
    def recovering(self) -> str | None:
        """The fault of the log that the partition recovers from.

        It is reported for at least half a minute, so that a probe notices it.
        """
        fault = self.log_fault
        if fault is None:
            return None
        seen = self.clock() - fault.noticed_at > _SHOWN_SECONDS
        return None if seen and self.next_offset >= fault.caught_up_offset else fault.text

    @property
    def commit_age(self) -> float:
        """Seconds since the last commit."""
        return self.clock() - self.committed_at

    @property
    def claim_age(self) -> float:
        """Seconds since this worker claimed the partition; 0 before."""
        return 0.0 if self.claimed_at is None else self.clock() - self.claimed_at
