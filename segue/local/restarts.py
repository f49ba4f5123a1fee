"""When a child process that died is started again. Pure: times are monotonic seconds, given as arguments."""

from runtime.backoff import doubled

FIRST_WAIT = 0.5
LONGEST_WAIT = 10.0
#: After a run of this many seconds, earlier deaths no longer count.
LONG_LIFE = 10.0


class Restart:
    """Restarts of one process: soon after its first death, later and later while it keeps dying early."""

    def __init__(self, now: float) -> None:
        self._started_at = now
        self._early_deaths = 0
        self._has_died = False
        self._due: float | None = None

    def died(self, now: float) -> bool:
        """Record that the process is dead; return False if that was known already."""
        if self._due is not None:
            return False
        early = now - self._started_at < LONG_LIFE
        self._early_deaths = self._early_deaths + 1 if early and self._has_died else 0
        self._has_died = True
        self._due = now + doubled(FIRST_WAIT, LONGEST_WAIT, self._early_deaths)
        return True

    def due(self, now: float) -> bool:
        """Return whether it is time to start the process again."""
        return self._due is not None and now >= self._due

    def started(self, now: float) -> None:
        """Record that the process runs again."""
        self._started_at, self._due = now, None
