"""When a process that died is started again. Pure: wall-clock seconds come in as arguments."""

FIRST_WAIT = 0.5
LONGEST_WAIT = 10.0
#: A process that has run for so long has not died of what it died of last.
LONG_LIFE = 10.0


class Restart:
    """Of one process: soon after its first death, later and later if it goes on dying young."""

    def __init__(self, now: float) -> None:
        self._born = now
        self._wait = 0.0
        self._due: float | None = None

    def died(self, now: float) -> bool:
        """Note that it is dead; whether that is news."""
        if self._due is not None:
            return False
        young = now - self._born < LONG_LIFE
        self._wait = min(self._wait * 2, LONGEST_WAIT) if young and self._wait else FIRST_WAIT
        self._due = now + self._wait
        return True

    def due(self, now: float) -> bool:
        """Whether it is time to start it again."""
        return self._due is not None and now >= self._due

    def started(self, now: float) -> None:
        """Note that it runs again."""
        self._born, self._due = now, None
